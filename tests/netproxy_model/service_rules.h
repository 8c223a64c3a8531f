// SPDX-License-Identifier: Apache-2.0
// What Kubernetes says a connection to a Service does on a node, read straight from the objects and
// written apart from the proxy's code, for comparison.
#ifndef BERTH_TESTS_NETPROXY_MODEL_SERVICE_RULES_H_
#define BERTH_TESTS_NETPROXY_MODEL_SERVICE_RULES_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "tests/netproxy_model/packet_walk.h"

namespace berth::tests {

struct ModelCluster {
  std::string node = "me";
  std::string zone;
  kernel::IpAddress node_ip;
  kernel::IpPrefix cluster_cidr;
  kernel::IpPrefix service_cidr;
  kernel::IpPrefix pod_cidr;  // of the node
  std::vector<api::core::v1::Service> services;
  std::map<std::string, std::vector<std::shared_ptr<const api::discovery::v1::EndpointSlice>>>
      slices;  // by the service's name
};

using Target = std::pair<kernel::IpAddress, uint16_t>;

struct Expected {
  Fate fate = Fate::kPassed;
  std::set<Target> targets;  // of what passes: one of these
  bool masqueraded = false;  // whichever it is; what comes back to its sender is in any case
  bool sticky = false;       // the client stays with the first it got
};

Expected Expect(const ModelCluster& cluster, const Packet& packet);
// Whether a packet that goes to `target` has to be masqueraded.
bool MustMasquerade(const ModelCluster& cluster, const Packet& packet, const Expected& expected,
                    const Target& target);

}  // namespace berth::tests

#endif  // BERTH_TESTS_NETPROXY_MODEL_SERVICE_RULES_H_
