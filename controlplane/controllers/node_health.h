// SPDX-License-Identifier: Apache-2.0
// What a node's heartbeats and conditions mean: conditions to report for a silent node, taints that
// go with conditions, when tainted pods have to leave, and the pods' network of each node. Pure.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_NODE_HEALTH_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_NODE_HEALTH_H_

#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

// "True", "False", "Unknown", or "" when the node has no such condition.
std::string_view ConditionStatus(const api::core::v1::Node& node, std::string_view type);

// Makes the conditions of a node whose kubelet is silent Unknown; true when something changed.
bool MarkUnknown(absl::Time now, api::core::v1::Node& node);

// Brings the taints that this control plane owns in line with the conditions and with
// spec.unschedulable; other taints stay. Those that evict only with `evict`. True when something
// changed.
bool UpdateTaints(absl::Time now, api::core::v1::Node& node, bool evict = true);

// When a pod must leave a node with these taints: at once is InfinitePast, never is InfiniteFuture.
absl::Time EvictionTime(const api::core::v1::Pod& pod, const api::core::v1::Node& node,
                        absl::Time now);

// The first subnet of `mask` bits in `cidr` (IPv4) that is not in `taken`: "10.244.3.0/24".
// Errors when all are, or when `cidr` is none.
absl::StatusOr<std::string> FreeSubnet(std::string_view cidr, int mask,
                                       const std::set<std::string, std::less<>>& taken);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_NODE_HEALTH_H_
