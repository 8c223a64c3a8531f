// SPDX-License-Identifier: Apache-2.0
// The Endpoints object of a Service, for those who still read it. Pure.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_ENDPOINTS_PLAN_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_ENDPOINTS_PLAN_H_

#include <vector>

#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

inline constexpr int kMaxEndpointsAddresses = 1000;

// Addresses are grouped by the ports that they share; ready ones come first when more than
// kMaxEndpointsAddresses have to be cut.
api::core::v1::Endpoints MakeEndpoints(const api::core::v1::Service& service,
                                       const std::vector<PodPtr>& pods);
// Subsets, labels and the over-capacity mark are the same.
bool SameEndpoints(const api::core::v1::Endpoints& a, const api::core::v1::Endpoints& b);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_ENDPOINTS_PLAN_H_
