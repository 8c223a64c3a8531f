// SPDX-License-Identifier: Apache-2.0
// What the proxy takes from its own Node object. Pure.
#ifndef BERTH_NETPROXY_NODE_NETWORK_H_
#define BERTH_NETPROXY_NODE_NETWORK_H_

#include <string>
#include <vector>

#include "kernel/links.h"
#include "netproxy/family_proxy.h"

namespace berth::api::core::v1 {
class Node;
}

namespace berth::netproxy {

// `node_port_addresses`: empty or {"primary"} serves node ports on the node's own address of each
// family; prefixes serve them on those of `local` that lie in one.
NodeNetwork ReadNodeNetwork(const api::core::v1::Node& node,
                            const std::vector<std::string>& node_port_addresses,
                            const std::vector<kernel::InterfaceAddress>& local,
                            bool masquerade_pod_egress);

// False when the node is being deleted or a cluster autoscaler means to.
bool NodeEligible(const api::core::v1::Node& node);

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_NODE_NETWORK_H_
