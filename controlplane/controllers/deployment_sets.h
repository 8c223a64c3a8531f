// SPDX-License-Identifier: Apache-2.0
// The ReplicaSets of a Deployment: which is current, the revisions, and the annotations that
// kubectl rollout and proportional scaling read. Pure.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_DEPLOYMENT_SETS_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_DEPLOYMENT_SETS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/controllers/objects_fwd.h"
#include "controlplane/controllers/rollout.h"

namespace berth::controlplane {

inline constexpr std::string_view kRevisionAnnotation = "deployment.kubernetes.io/revision";
inline constexpr std::string_view kRevisionHistoryAnnotation =
    "deployment.kubernetes.io/revision-history";
inline constexpr std::string_view kDesiredReplicasAnnotation =
    "deployment.kubernetes.io/desired-replicas";
inline constexpr std::string_view kMaxReplicasAnnotation = "deployment.kubernetes.io/max-replicas";

// Of several sets with the Deployment's template the oldest is the current one.
RolloutSets SortSets(const api::apps::v1::Deployment& deployment,
                     const std::vector<ReplicaSetPtr>& sets);

int64_t RevisionOf(const api::meta::v1::ObjectMeta& meta);  // 0 when there is none
int64_t NextRevision(const std::vector<const api::apps::v1::ReplicaSet*>& old);

// A number annotated on a set by the controller.
std::optional<int> AnnotatedNumber(const api::apps::v1::ReplicaSet& set, std::string_view key);

// The set for the Deployment's current template.
api::apps::v1::ReplicaSet MakeReplicaSet(const api::apps::v1::Deployment& deployment,
                                         std::string_view hash, int64_t revision, int replicas);

// Brings the current set's annotations (the Deployment's own and the revision) and minReadySeconds
// up to date; true when something changed.
bool RefreshCurrentSet(const api::apps::v1::Deployment& deployment, int64_t revision,
                       api::apps::v1::ReplicaSet& set);
// Sets replicas and the annotations that go with them; true when something changed.
bool Resize(const api::apps::v1::Deployment& deployment, int replicas,
            api::apps::v1::ReplicaSet& set);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_DEPLOYMENT_SETS_H_
