// SPDX-License-Identifier: Apache-2.0
#include "netproxy/affinity.h"

#include <algorithm>

namespace berth::netproxy {

bool StillLeads(const Frontend& frontend, const RememberedClient& remembered,
                const std::vector<IpPrefix>& cluster_cidrs,
                const std::vector<IpAddress>& node_ips) {
  const IpAddress& client = remembered.client;
  const bool inside = std::any_of(cluster_cidrs.begin(), cluster_cidrs.end(),
                                  [&](const IpPrefix& cidr) { return cidr.Contains(client); }) ||
                      std::find(node_ips.begin(), node_ips.end(), client) != node_ips.end();
  const auto& pool =
      frontend.local_policy && !inside ? frontend.local_endpoints : frontend.endpoints;
  return std::any_of(pool.begin(), pool.end(), [&](const Endpoint& e) {
    return e.ip == remembered.endpoint.ip && e.port == remembered.endpoint.port;
  });
}

}  // namespace berth::netproxy
