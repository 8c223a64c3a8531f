// SPDX-License-Identifier: Apache-2.0
// JSON from anybody: it is refused, or what it became survives another round.
#include <google/protobuf/message.h>

#include <cstdlib>

#include "api/codec.h"
#include "tests/fuzz/fuzz_target.h"

namespace berth::fuzz {

int Json(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> unknown;
  const auto object = api::DecodeJsonObject(text, {.unknown = &unknown});
  if (!object.ok()) return 0;
  const std::string json = api::EncodeJson(**object);
  const auto again = api::DecodeJsonObject(json);
  if (!again.ok() || api::EncodeJson(**again) != json) std::abort();
  return 0;
}

}  // namespace berth::fuzz
BERTH_FUZZ_ENTRY(berth::fuzz::Json)
