// SPDX-License-Identifier: Apache-2.0
// What a service means to this node: addresses and ports that clients reach (frontends), and the
// endpoints behind each. Pure values between the API's objects and the kernel's sets.
#ifndef BERTH_NETPROXY_FRONTEND_H_
#define BERTH_NETPROXY_FRONTEND_H_

#include <compare>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernel/ip_address.h"

namespace berth::netproxy {

using kernel::IpAddress;
using kernel::IpPrefix;

enum class Protocol : uint8_t { kTcp = 6, kUdp = 17, kSctp = 132 };

struct FrontendKey {
  IpAddress ip;
  Protocol protocol = Protocol::kTcp;
  uint16_t port = 0;

  std::string ToString() const;  // "10.96.0.1:80/TCP"
  std::string Encode() const;    // as the kernel's sets hold it
  auto operator<=>(const FrontendKey&) const = default;
  template <class H>
  friend H AbslHashValue(H h, const FrontendKey& k) {
    return H::combine(std::move(h), k.ip, k.protocol, k.port);
  }
};

struct Endpoint {
  IpAddress ip;
  uint16_t port = 0;
  bool local = false;  // on this node

  auto operator<=>(const Endpoint&) const = default;
};

struct Frontend {
  FrontendKey key;
  bool external = false;  // not a cluster IP
  bool local_policy =
      false;  // external clients only get `local_endpoints`, with their address kept
  std::vector<Endpoint> endpoints;
  std::vector<Endpoint> local_endpoints;  // only with local_policy
  bool drop_when_empty = false;  // `endpoints` is empty by policy, while there are some elsewhere
  uint32_t affinity_seconds = 0;
  bool restricted = false;  // to source_ranges
  std::vector<IpPrefix> source_ranges;

  bool operator==(const Frontend&) const = default;
};

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_FRONTEND_H_
