// SPDX-License-Identifier: Apache-2.0
// Routes in the main table, over rtnetlink, in the calling thread's namespace. A protocol number
// says whose a route is; ours are those with kBerthRouteProtocol, and only they are ever removed.
#ifndef BERTH_KERNEL_ROUTES_H_
#define BERTH_KERNEL_ROUTES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernel/ip_address.h"

namespace berth::kernel {

// Not in rt_protos; `ip route` shows it as a number.
inline constexpr uint8_t kBerthRouteProtocol = 118;

struct Route {
  IpPrefix destination;  // of length 0 for the default route
  IpAddress gateway;     // of no family: none
  int link = 0;          // 0: the kernel finds it by the gateway
  IpAddress source;      // preferred; of no family: none
  uint32_t metric = 0;
  uint8_t protocol = kBerthRouteProtocol;

  std::string ToString() const;
};

// Unicast routes of the main table, both families; with `protocol` only those of one owner.
absl::StatusOr<std::vector<Route>> ListRoutes(std::optional<uint8_t> protocol);
// Adds the route, or puts it in the place of one to the same destination and metric.
absl::Status SetRoute(const Route& route);
// Not an error when it is gone already.
absl::Status DeleteRoute(const Route& route);

}  // namespace berth::kernel

#endif  // BERTH_KERNEL_ROUTES_H_
