// SPDX-License-Identifier: Apache-2.0
// From a Service and its pods to endpoints: which pods count, under which ports. Pure; shared by
// EndpointSlices and Endpoints.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_SERVICE_ENDPOINTS_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_SERVICE_ENDPOINTS_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

// Finds a node by name; nullptr when there is none.
using FindNode = std::function<NodePtr(std::string_view name)>;

// A Service port as one pod serves it.
struct TargetPort {
  std::string name;
  std::string protocol;
  int port = 0;
  std::string app_protocol;  // "" when none
  auto operator<=>(const TargetPort&) const = default;
};
// In order; a named target port that the pod does not have is left out.
std::vector<TargetPort> TargetPortsOf(const api::core::v1::Service& service,
                                      const api::core::v1::Pod& pod);

bool IsHeadless(const api::core::v1::Service& service);
// The pod has an address and has not run to its end.
bool HasEndpoint(const api::core::v1::Pod& pod);
// The pod's address of that family ("IPv4" or "IPv6"); "" when it has none.
std::string_view AddressOf(const api::core::v1::Pod& pod, std::string_view family);
// The families of the Service's endpoints, the first one first.
std::vector<std::string> FamiliesOf(const api::core::v1::Service& service);
// The name under the Service that the pod asked for by hostname and subdomain; "" when none.
std::string_view HostnameUnder(const api::core::v1::Service& service,
                               const api::core::v1::Pod& pod);
// The last time that one of the pods, or the Service, changed what endpoints say, as RFC 3339.
std::string LastTrigger(const api::core::v1::Service& service, const std::vector<PodPtr>& pods);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_SERVICE_ENDPOINTS_H_
