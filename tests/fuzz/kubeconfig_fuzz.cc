// SPDX-License-Identifier: Apache-2.0
// Kubeconfig files: one is refused, or what it said survives being written.
#include <cstdlib>
#include <string_view>

#include "client/kubeconfig.h"
#include "tests/fuzz/fuzz_target.h"

namespace berth::fuzz {

int Kubeconfig(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = client::ParseKubeconfig(text, "/nonexistent");
  if (!config.ok()) return 0;
  const std::string written = client::WriteKubeconfig(*config, "c", "u");
  const auto again = client::ParseKubeconfig(written, "/nonexistent");
  if (!again.ok() || again->host != config->host || again->token != config->token) std::abort();
  return 0;
}

}  // namespace berth::fuzz
BERTH_FUZZ_ENTRY(berth::fuzz::Kubeconfig)
