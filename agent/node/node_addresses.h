// SPDX-License-Identifier: Apache-2.0
// The name and the addresses of this node. Reads interfaces and routes of the process's network
// namespace. Thread-safe: no state.
#ifndef BERTH_AGENT_NODE_NODE_ADDRESSES_H_
#define BERTH_AGENT_NODE_NODE_ADDRESSES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace berth::agent {

struct InterfaceAddress {
  std::string interface, address;
  bool ipv6 = false;
};

// `chosen` when given, else the host's name; lower case. InvalidArgument when it is no DNS name.
absl::StatusOr<std::string> NodeName(std::string_view chosen);

// Addresses other than loopback and link-local ones, in the kernel's order.
std::vector<InterfaceAddress> LocalAddresses();
// The interface of the IPv4 default route with the lowest metric, from the text of
// /proc/net/route; "" when there is none.
std::string DefaultRouteInterface(std::string_view proc_net_route);
std::string DefaultRouteInterface();  // of this namespace

// The node's addresses, the main one first. `node_ip` is the flag: "", one address, one of each
// family separated by a comma, or "0.0.0.0" / "::" for "choose, of this family".
absl::StatusOr<std::vector<std::string>> ChooseNodeAddresses(
    std::string_view node_ip, const std::vector<InterfaceAddress>& local,
    std::string_view default_interface);

}  // namespace berth::agent

#endif  // BERTH_AGENT_NODE_NODE_ADDRESSES_H_
