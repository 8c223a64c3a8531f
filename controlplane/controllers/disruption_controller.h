// SPDX-License-Identifier: Apache-2.0
// Keeps the status of PodDisruptionBudgets, by which evictions are granted.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_DISRUPTION_CONTROLLER_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_DISRUPTION_CONTROLLER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/controllers/context.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

class DisruptionController : public Controller {
 public:
  DisruptionController(Context& context, client::EventRecorder& events);
  void Begin() override;

 private:
  using Budget = api::policy::v1::PodDisruptionBudget;
  using Pod = api::core::v1::Pod;

  void OnPod(const Pod& pod);
  absl::Status Sync(const std::string& key);
  // What the controllers of `pods` ask for together; Pods without one do not count.
  absl::StatusOr<int> ScaleOf(const std::vector<PodPtr>& pods) const;
  absl::StatusOr<int> ScaleOf(const std::string& namespace_,
                              const api::meta::v1::OwnerReference& owner, std::string& uid) const;
  absl::Status WriteStatus(const Budget& budget, Budget changed);

  Context& context_;
  client::EventRecorder& events_;
  SyncQueue queue_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_DISRUPTION_CONTROLLER_H_
