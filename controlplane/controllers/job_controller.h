// SPDX-License-Identifier: Apache-2.0
// Runs the pods of Jobs to their end.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_JOB_CONTROLLER_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_JOB_CONTROLLER_H_

#include <string>

#include "absl/status/status.h"
#include "controlplane/controllers/context.h"
#include "controlplane/controllers/expectations.h"
#include "controlplane/controllers/job_plan.h"
#include "controlplane/controllers/objects_fwd.h"
#include "controlplane/controllers/pending_writes.h"

namespace berth::controlplane {

class JobController : public Controller {
 public:
  JobController(Context& context, client::EventRecorder& events);
  void Begin() override;

 private:
  using Job = api::batch::v1::Job;
  using Pod = api::core::v1::Pod;

  void OnPod(const Pod* before, const Pod* after);
  absl::Status Sync(const std::string& key);
  absl::Status Carry(const std::string& key, const Job& job, const JobPlan& plan);
  absl::Status CreatePods(const Job& job, const JobPlan& plan);
  absl::Status DeletePods(const Job& job, const std::vector<PodPtr>& pods);
  absl::Status Release(const Pod& pod);
  // Nobody counts the ends of a Job that is gone.
  absl::Status ReleaseOrphans(const std::string& key);
  absl::Status WriteStatus(const Job& job, Job changed);

  Context& context_;
  client::EventRecorder& events_;
  Expectations expectations_;
  PendingWrites writes_;  // of statuses
  SyncQueue queue_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_JOB_CONTROLLER_H_
