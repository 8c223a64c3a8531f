// SPDX-License-Identifier: Apache-2.0
// Keeps as many pods as each ReplicaSet wants, and reports what there is.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_REPLICA_SET_CONTROLLER_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_REPLICA_SET_CONTROLLER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/controllers/context.h"
#include "controlplane/controllers/expectations.h"
#include "controlplane/controllers/objects_fwd.h"
#include "controlplane/controllers/replica_set_plan.h"

namespace berth::controlplane {

class ReplicaSetController : public Controller {
 public:
  ReplicaSetController(Context& context, client::EventRecorder& events);
  void Begin() override;

 private:
  using ReplicaSet = api::apps::v1::ReplicaSet;
  using Pod = api::core::v1::Pod;

  void OnPod(const Pod* before, const Pod* after);
  // Observes a pod's coming or going and looks at its set again.
  void OnOwnedPod(const Pod& pod, bool created, bool gone);
  absl::Status Sync(const std::string& key);
  absl::StatusOr<std::vector<PodPtr>> ClaimPods(const ReplicaSet& set);
  absl::Status Manage(const std::string& key, const ReplicaSet& set,
                      const std::vector<PodPtr>& pods);
  absl::Status CreatePods(const std::string& key, const ReplicaSet& set, int count);
  absl::Status DeletePods(const std::string& key, const ReplicaSet& set,
                          const std::vector<PodPtr>& pods);
  absl::Status WriteStatus(const ReplicaSet& set, std::vector<PodPtr> pods,
                           const absl::Status& managed);
  bool NamespaceEnds(const ReplicaSet& set) const;
  std::vector<PodPtr> Siblings(const ReplicaSet& set) const;

  Context& context_;
  client::EventRecorder& events_;
  Expectations expectations_;
  SyncQueue queue_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_REPLICA_SET_CONTROLLER_H_
