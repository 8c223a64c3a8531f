// SPDX-License-Identifier: Apache-2.0
// A Deployment's status: counts and the conditions Available, Progressing and ReplicaFailure, with
// the reasons that kubectl rollout status waits for. Pure.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_DEPLOYMENT_STATUS_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_DEPLOYMENT_STATUS_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "controlplane/controllers/objects_fwd.h"
#include "controlplane/controllers/rollout.h"

namespace berth::controlplane {

// What happened to the current set in this pass.
enum class CurrentSetEvent { kNone, kFound, kCreated, kCreateFailed };

struct StatusInput {
  const api::apps::v1::Deployment& deployment;
  const RolloutSets& sets;
  // Scaling and paused Deployments do not judge progress.
  bool rolling = true;
  CurrentSetEvent event = CurrentSetEvent::kNone;
  std::string current_name;  // of the set created or found
  std::string create_error;  // with kCreateFailed
  absl::Time now;
};

api::apps::v1::DeploymentStatus DeploymentStatusOf(const StatusInput& input);

// All wanted pods are of the current template, available, and no others are left.
bool IsComplete(const api::apps::v1::Deployment& deployment,
                const api::apps::v1::DeploymentStatus& status);

// How long until the progress deadline has to be looked at; nothing when it does not run.
std::optional<absl::Duration> ProgressCheckAfter(const api::apps::v1::Deployment& deployment,
                                                 const api::apps::v1::DeploymentStatus& status,
                                                 absl::Time now);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_DEPLOYMENT_STATUS_H_
