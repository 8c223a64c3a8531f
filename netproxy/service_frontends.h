// SPDX-License-Identifier: Apache-2.0
// A Service and its EndpointSlices as frontends of one IP family. Pure.
#ifndef BERTH_NETPROXY_SERVICE_FRONTENDS_H_
#define BERTH_NETPROXY_SERVICE_FRONTENDS_H_

#include <vector>

#include "netproxy/endpoint_selection.h"
#include "netproxy/frontend.h"

namespace berth::api::core::v1 {
class Service;
}

namespace berth::netproxy {

// Whether the proxy cares for the service at all: not headless, not ExternalName, not given to
// another proxy by label.
bool IsProxied(const api::core::v1::Service& service);

std::vector<Frontend> BuildFrontends(const api::core::v1::Service& service, const Slices& slices,
                                     const NodeContext& node, bool six);

// Endpoints on this node that would answer its health check node port: ready, of any port.
int CountLocalEndpoints(const Slices& slices, std::string_view node_name);

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_SERVICE_FRONTENDS_H_
