// SPDX-License-Identifier: Apache-2.0
// What a ReplicaSet needs: how many pods to create, which to delete, and the status to report.
// Pure.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_REPLICA_SET_PLAN_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_REPLICA_SET_PLAN_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

// At most this many pods are created or deleted in one pass.
inline constexpr int kReplicaBurst = 500;

struct ReplicaSetPlan {
  int create = 0;
  std::vector<PodPtr> remove;
};

// `pods` are those the set controls, `siblings` the active pods of every set of the same owner
// (they tell which nodes carry doubled-up pods).
ReplicaSetPlan PlanReplicaSet(const api::apps::v1::ReplicaSet& set, const std::vector<PodPtr>& pods,
                              const std::vector<PodPtr>& siblings, absl::Time now);

// `failure` is why creating or deleting failed just now, "" when nothing did.
api::apps::v1::ReplicaSetStatus ReplicaSetStatusOf(const api::apps::v1::ReplicaSet& set,
                                                   const std::vector<PodPtr>& pods,
                                                   std::string_view failure_reason,
                                                   std::string_view failure, absl::Time now);

// When the next ready pod becomes available; InfiniteFuture when none is waiting.
absl::Time NextAvailability(const api::apps::v1::ReplicaSet& set, const std::vector<PodPtr>& pods,
                            absl::Time now);

api::core::v1::Pod PodFromTemplate(const api::apps::v1::ReplicaSet& set);

// The sizes of creation batches: 1, 2, 4 ... so that a template which cannot be created is tried
// once, not `count` times.
std::vector<int> SlowStartBatches(int count);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_REPLICA_SET_PLAN_H_
