// SPDX-License-Identifier: Apache-2.0
// Which of a service port's endpoints get traffic: the slices of a service merged, then ready ones,
// else those that still serve while they terminate; topology hints where all endpoints have them.
// Pure. https://kep.k8s.io/1669 (terminating endpoints), /2433 and /3015 (hints).
#ifndef BERTH_NETPROXY_ENDPOINT_SELECTION_H_
#define BERTH_NETPROXY_ENDPOINT_SELECTION_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "netproxy/frontend.h"

namespace berth::api::discovery::v1 {
class EndpointSlice;
}

namespace berth::netproxy {

struct NodeContext {
  std::string name;
  std::string zone;                 // of the label topology.kubernetes.io/zone
  std::vector<IpAddress> node_ips;  // where node ports are served, of both families

  bool operator==(const NodeContext&) const = default;
};

struct EndpointState {
  Endpoint endpoint;
  bool ready = false;
  bool serving = false;
  bool terminating = false;
  std::vector<std::string> zone_hints;
  std::vector<std::string> node_hints;
};

using Slices = std::vector<std::shared_ptr<const api::discovery::v1::EndpointSlice>>;

// Of the port with that name and protocol ("TCP"), each address once.
std::vector<EndpointState> CollectEndpoints(const Slices& slices, bool six,
                                            std::string_view port_name, std::string_view protocol,
                                            std::string_view node_name);

std::vector<Endpoint> SelectClusterEndpoints(const std::vector<EndpointState>& all,
                                             const NodeContext& node);
std::vector<Endpoint> SelectLocalEndpoints(const std::vector<EndpointState>& all);

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_ENDPOINT_SELECTION_H_
