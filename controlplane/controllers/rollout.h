// SPDX-License-Identifier: Apache-2.0
// How many replicas each ReplicaSet of a Deployment should have next. Pure: one call is one step of
// a rollout; the next step follows when the sets have reported what became of this one.
//
// Promises while sets report truthfully: a rolling step never lets the wanted number of pods grow
// beyond replicas + maxSurge, and never takes away a pod that is needed to keep replicas -
// maxUnavailable available.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_ROLLOUT_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_ROLLOUT_H_

#include <vector>

#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

// maxSurge rounds up, maxUnavailable down, and never are both zero. Both are zero for Recreate.
int MaxSurge(const api::apps::v1::Deployment& deployment);
int MaxUnavailable(const api::apps::v1::Deployment& deployment);
bool IsRecreate(const api::apps::v1::Deployment& deployment);
int ReplicasOf(const api::apps::v1::Deployment& deployment);
int ReplicasOf(const api::apps::v1::ReplicaSet& set);

struct SetSize {
  const api::apps::v1::ReplicaSet* set;
  int replicas;
};

// A Deployment's sets: the one of its current template (nullptr when it is yet to be made) and the
// others.
struct RolloutSets {
  const api::apps::v1::ReplicaSet* current = nullptr;
  std::vector<const api::apps::v1::ReplicaSet*> old;
};

// The Deployment's replicas changed, or it is paused: resizes without rolling on. A single active
// set takes the whole size, several share the difference in proportion to their sizes. Sets whose
// size stays are in the result, too: their annotations follow.
std::vector<SetSize> PlanScale(const api::apps::v1::Deployment& deployment,
                               const RolloutSets& sets);
// True when an active set was last sized for another number of replicas.
bool NeedsScale(const api::apps::v1::Deployment& deployment, const RolloutSets& sets);

// One rolling step: first the current set grows; when it cannot, old ones shrink. Sets whose size
// stays are not in the result.
std::vector<SetSize> PlanRollingStep(const api::apps::v1::Deployment& deployment,
                                     const RolloutSets& sets);
// Recreate: old sets go to zero; once `old_pods_running` is false the current one gets everything.
std::vector<SetSize> PlanRecreateStep(const api::apps::v1::Deployment& deployment,
                                      const RolloutSets& sets, bool old_pods_running);

// The size a set of the current template starts with.
int InitialSize(const api::apps::v1::Deployment& deployment,
                const std::vector<const api::apps::v1::ReplicaSet*>& old);

// Old sets beyond the history limit that hold no pods, oldest revision first.
std::vector<const api::apps::v1::ReplicaSet*> PlanHistoryCleanup(
    const api::apps::v1::Deployment& deployment,
    const std::vector<const api::apps::v1::ReplicaSet*>& old);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_ROLLOUT_H_
