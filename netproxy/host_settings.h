// SPDX-License-Identifier: Apache-2.0
// The kernel settings that a service proxy needs, in the calling thread's network namespace.
#ifndef BERTH_NETPROXY_HOST_SETTINGS_H_
#define BERTH_NETPROXY_HOST_SETTINGS_H_

#include <string>

#include "absl/status/status.h"

namespace berth::netproxy {

struct HostSettings {
  // nf_conntrack_max becomes the larger of both; 0 for each leaves it alone. Never made smaller.
  int conntrack_max_per_core = 0;
  int conntrack_min = 0;
  std::string proc_sys = "/proc/sys";
};

// Packets between pods of one bridge pass netfilter (net.bridge.bridge-nf-call-iptables, and
// -ip6tables, where the kernel has them): without it a service's answers from the same bridge are
// not translated back. Forwarding is switched on. All are tried; the first failure is returned.
absl::Status PrepareHost(const HostSettings& settings);

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_HOST_SETTINGS_H_
