// SPDX-License-Identifier: Apache-2.0
// Rolls Deployments out: makes a ReplicaSet per template, resizes the sets step by step, keeps
// history, reports progress.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_DEPLOYMENT_CONTROLLER_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_DEPLOYMENT_CONTROLLER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/controllers/context.h"
#include "controlplane/controllers/objects_fwd.h"
#include "controlplane/controllers/rollout.h"

namespace berth::controlplane {

class DeploymentController : public Controller {
 public:
  DeploymentController(Context& context, client::EventRecorder& events);
  void Begin() override;

 private:
  using Deployment = api::apps::v1::Deployment;
  using ReplicaSet = api::apps::v1::ReplicaSet;
  using Pod = api::core::v1::Pod;
  struct Pass;  // one look at one Deployment

  void OnReplicaSet(const ReplicaSet* before, const ReplicaSet* after);
  void OnPodGone(const Pod& pod);
  void AddOwner(const ReplicaSet& set);
  absl::Status Sync(const std::string& key);
  absl::Status Resize(Pass& pass);
  // Finds the set of the current template, or makes it.
  absl::Status EnsureCurrent(Pass& pass, bool may_create);
  absl::Status CreateCurrent(Pass& pass, int64_t revision);
  absl::Status ResolveCollision(Pass& pass, const ReplicaSet& wanted);
  absl::Status NoteRevision(Pass& pass);
  absl::Status ApplySizes(Pass& pass, const std::vector<SetSize>& sizes);
  absl::Status CleanUp(Pass& pass);
  absl::Status WriteStatus(Pass& pass);
  bool OldPodsRun(const Pass& pass) const;

  Context& context_;
  client::EventRecorder& events_;
  SyncQueue queue_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_DEPLOYMENT_CONTROLLER_H_
