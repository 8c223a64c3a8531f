// SPDX-License-Identifier: Apache-2.0
// The EndpointSlices of a Service. Pure. Slices change as little as possible: an endpoint stays in
// the slice where it is, new ones fill slices that change anyway, then the fullest with room, then
// new ones. So one pod's change rewrites one slice, however many there are.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_ENDPOINT_SLICE_PLAN_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_ENDPOINT_SLICE_PLAN_H_

#include <memory>
#include <string_view>
#include <vector>

#include "controlplane/controllers/objects_fwd.h"
#include "controlplane/controllers/service_endpoints.h"

namespace berth::controlplane {

inline constexpr std::string_view kServiceNameLabel = "kubernetes.io/service-name";
inline constexpr std::string_view kSliceManagedByLabel = "endpointslice.kubernetes.io/managed-by";
inline constexpr std::string_view kSliceManager = "endpointslice-controller.k8s.io";
inline constexpr std::string_view kHeadlessLabel = "service.kubernetes.io/headless";
inline constexpr std::string_view kLastTriggerAnnotation =
    "endpoints.kubernetes.io/last-change-trigger-time";
inline constexpr int kMaxEndpointsPerSlice = 100;

using SlicePtr = std::shared_ptr<const api::discovery::v1::EndpointSlice>;

struct SlicePlan {
  std::vector<api::discovery::v1::EndpointSlice> create;
  std::vector<api::discovery::v1::EndpointSlice> update;  // with the resourceVersion they had
  std::vector<SlicePtr> remove;
};

// `pods` are those that the Service selects, `slices` those this controller made for it.
SlicePlan PlanSlices(const api::core::v1::Service& service, const std::vector<PodPtr>& pods,
                     const std::vector<SlicePtr>& slices, const FindNode& find_node);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_ENDPOINT_SLICE_PLAN_H_
