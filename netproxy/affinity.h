// SPDX-License-Identifier: Apache-2.0
// Session affinity: the clients that the rules remember, and which of them have to be forgotten.
#ifndef BERTH_NETPROXY_AFFINITY_H_
#define BERTH_NETPROXY_AFFINITY_H_

#include <vector>

#include "netproxy/frontend.h"

namespace berth::netproxy {

struct RememberedClient {
  FrontendKey frontend;
  IpAddress client;
  Endpoint endpoint;  // `local` is not known
};

// Whether the frontend still leads this client to its endpoint: with a local policy those outside
// of the cluster and of the node get endpoints on this node only. Pure.
bool StillLeads(const Frontend& frontend, const RememberedClient& remembered,
                const std::vector<IpPrefix>& cluster_cidrs, const std::vector<IpAddress>& node_ips);

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_AFFINITY_H_
