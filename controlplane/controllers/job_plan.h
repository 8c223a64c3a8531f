// SPDX-License-Identifier: Apache-2.0
// What a Job needs: which pods to create and delete, and its status. Pure.
//
// A pod carries a finalizer until its end has been counted: first its uid is noted in the status,
// then the finalizer goes, and when that is seen the number in the status grows. So no end is
// counted twice or forgotten, whatever dies in between.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_JOB_PLAN_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_JOB_PLAN_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

inline constexpr std::string_view kJobFinalizer = "batch.kubernetes.io/job-tracking";
inline constexpr std::string_view kJobIndex = "batch.kubernetes.io/job-completion-index";
// At most this many pods are created or deleted in one pass.
inline constexpr int kJobBurst = 500;

struct JobInput {
  const api::batch::v1::Job& job;
  std::vector<PodPtr> pods;  // those that the Job controls
  absl::Time now;
};

struct JobEvent {
  std::string_view type;
  std::string reason;
  std::string message;
};

struct JobPlan {
  int create = 0;
  std::vector<int> indexes;     // of the pods to create, for an Indexed Job
  std::vector<PodPtr> remove;   // not wanted any more; their end is not counted
  std::vector<PodPtr> release;  // counted: the finalizer may go once the status is written
  std::vector<JobEvent> events;
  absl::Duration again = absl::InfiniteDuration();  // when to look again, if nothing happens
  bool expired = false;                             // finished and past its ttl: to be deleted
};

bool IsJobFinished(const api::batch::v1::Job& job);
bool HasJobFinalizer(const api::core::v1::Pod& pod);
bool IsIndexed(const api::batch::v1::Job& job);

// `status` becomes what it should be.
JobPlan PlanJob(const JobInput& input, api::batch::v1::JobStatus& status);

api::core::v1::Pod MakeJobPod(const api::batch::v1::Job& job, std::optional<int> index);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_JOB_PLAN_H_
