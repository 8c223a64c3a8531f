// SPDX-License-Identifier: Apache-2.0
#include "netproxy/host_settings.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/status.h"
#include "base/strings.h"
#include "kernel/fd.h"

namespace berth::netproxy {
namespace {

// Nothing when there is no such setting.
absl::StatusOr<std::optional<int64_t>> Read(const std::string& path) {
  const kernel::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::optional<int64_t>();
  if (!fd) return base::FromErrno(errno, path);
  char text[64];
  const ssize_t n = ::read(fd.get(), text, sizeof text);
  if (n < 0) return base::FromErrno(errno, path);
  return base::ParseInt<int64_t>(base::Trim({text, static_cast<size_t>(n)}));
}

// Leaves a setting alone that is there already: it may be read-only here and right all the same.
absl::Status AtLeast(const HostSettings& settings, std::string_view name, int64_t value) {
  const std::string path = base::StrCat(settings.proc_sys, "/", name);
  ASSIGN_OR_RETURN(const auto now, Read(path));
  if (!now.has_value() || *now >= value) return absl::OkStatus();
  const kernel::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const std::string text = base::StrCat(value);
  if (!fd || ::write(fd.get(), text.data(), text.size()) < 0) {
    return base::FromErrno(errno, base::StrCat("setting ", path, " to ", text));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PrepareHost(const HostSettings& settings) {
  absl::Status out;
  out.Update(AtLeast(settings, "net/ipv4/ip_forward", 1));
  out.Update(AtLeast(settings, "net/bridge/bridge-nf-call-iptables", 1));
  out.Update(AtLeast(settings, "net/bridge/bridge-nf-call-ip6tables", 1));
  const int64_t cores = std::max(1U, std::thread::hardware_concurrency());
  const int64_t flows =
      std::max<int64_t>(settings.conntrack_min, settings.conntrack_max_per_core * cores);
  if (flows > 0) out.Update(AtLeast(settings, "net/netfilter/nf_conntrack_max", flows));
  return out;
}

}  // namespace berth::netproxy
