// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/deployment_status.h"

#include <algorithm>
#include <limits>

#include "api/proto/apps/v1/apps.pb.h"
#include "base/strings.h"
#include "controlplane/controllers/pod_state.h"

namespace berth::controlplane {
namespace {

using api::apps::v1::Deployment;
using api::apps::v1::DeploymentCondition;
using api::apps::v1::DeploymentStatus;
using api::apps::v1::ReplicaSet;

constexpr std::string_view kProgressing = "Progressing";
constexpr std::string_view kAvailable = "NewReplicaSetAvailable";
constexpr std::string_view kTimedOut = "ProgressDeadlineExceeded";
constexpr std::string_view kPaused = "DeploymentPaused";

const DeploymentCondition* Find(const DeploymentStatus& status, std::string_view type) {
  for (const auto& condition : status.conditions()) {
    if (condition.type() == type) return &condition;
  }
  return nullptr;
}

void Remove(std::string_view type, DeploymentStatus& status) {
  auto& conditions = *status.mutable_conditions();
  for (int i = conditions.size() - 1; i >= 0; --i) {
    if (conditions[i].type() == type) conditions.DeleteSubrange(i, 1);
  }
}

struct Verdict {
  std::string_view type;
  std::string_view status;
  std::string_view reason;
  std::string message;
};

// A condition whose status and reason stay is left as it is; the transition time moves only with
// the status. `renew` moves the update time in any case: progress restarts the deadline.
void Set(const Verdict& verdict, absl::Time now, bool renew, DeploymentStatus& status) {
  const DeploymentCondition* old = Find(status, verdict.type);
  if (old != nullptr && !renew && old->status() == verdict.status &&
      old->reason() == verdict.reason) {
    return;
  }
  DeploymentCondition condition;
  condition.set_type(std::string(verdict.type));
  condition.set_status(std::string(verdict.status));
  condition.set_reason(std::string(verdict.reason));
  condition.set_message(verdict.message);
  SetTime(now, *condition.mutable_last_update_time());
  SetTime(now, *condition.mutable_last_transition_time());
  if (old != nullptr && old->status() == verdict.status) {
    *condition.mutable_last_transition_time() = old->last_transition_time();
  }
  Remove(verdict.type, status);
  *status.add_conditions() = std::move(condition);
}

bool HasDeadline(const Deployment& deployment) {
  return deployment.spec().has_progress_deadline_seconds() &&
         deployment.spec().progress_deadline_seconds() != std::numeric_limits<int32_t>::max();
}

void Count(const StatusInput& input, DeploymentStatus& status) {
  int replicas = 0, ready = 0, available = 0, terminating = 0;
  const auto add = [&](const ReplicaSet& set) {
    replicas += set.status().replicas();
    ready += set.status().ready_replicas();
    available += set.status().available_replicas();
    terminating += set.status().terminating_replicas();
  };
  for (const ReplicaSet* set : input.sets.old) add(*set);
  if (input.sets.current != nullptr) add(*input.sets.current);
  status.set_observed_generation(input.deployment.metadata().generation());
  status.set_replicas(replicas);
  status.set_updated_replicas(
      input.sets.current == nullptr ? 0 : input.sets.current->status().replicas());
  status.set_ready_replicas(ready);
  status.set_available_replicas(available);
  status.set_unavailable_replicas(std::max(0, ReplicasOf(input.deployment) - available));
  status.set_terminating_replicas(terminating);
}

void JudgeAvailability(const StatusInput& input, DeploymentStatus& status) {
  const int least = ReplicasOf(input.deployment) - MaxUnavailable(input.deployment);
  if (status.available_replicas() >= least) {
    Set({"Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability."},
        input.now, false, status);
  } else {
    Set({"Available", "False", "MinimumReplicasUnavailable",
         "Deployment does not have minimum availability."},
        input.now, false, status);
  }
}

std::string Subject(const StatusInput& input) {
  return input.sets.current != nullptr
             ? base::StrCat("ReplicaSet \"", input.sets.current->metadata().name(), "\"")
             : base::StrCat("Deployment \"", input.deployment.metadata().name(), "\"");
}

bool HasProgressed(const DeploymentStatus& before, const DeploymentStatus& after) {
  return after.updated_replicas() > before.updated_replicas() ||
         after.replicas() - after.updated_replicas() <
             before.replicas() - before.updated_replicas() ||
         after.ready_replicas() > before.ready_replicas() ||
         after.available_replicas() > before.available_replicas();
}

bool HasTimedOut(const Deployment& deployment, const DeploymentStatus& status, absl::Time now) {
  const DeploymentCondition* progressing = Find(status, kProgressing);
  if (progressing == nullptr || progressing->reason() == kAvailable) return false;
  if (progressing->reason() == kTimedOut) return true;
  return ToTime(progressing->last_update_time()) +
             absl::Seconds(deployment.spec().progress_deadline_seconds()) <
         now;
}

void JudgeProgress(const StatusInput& input, DeploymentStatus& status) {
  const DeploymentCondition* before = Find(status, kProgressing);
  if (before != nullptr && before->reason() == kAvailable &&
      status.replicas() == status.updated_replicas()) {
    return;  // the rollout is over: pods that come and go later do not reopen it
  }
  if (IsComplete(input.deployment, status)) {
    Set({kProgressing, "True", kAvailable,
         base::StrCat(Subject(input), " has successfully progressed.")},
        input.now, false, status);
  } else if (HasProgressed(input.deployment.status(), status)) {
    Set({kProgressing, "True", "ReplicaSetUpdated",
         base::StrCat(Subject(input), " is progressing.")},
        input.now, true, status);
  } else if (HasTimedOut(input.deployment, status, input.now)) {
    Set({kProgressing, "False", kTimedOut,
         base::StrCat(Subject(input), " has timed out progressing.")},
        input.now, false, status);
  }
}

// What making or finding the current set, and pausing, say about progress.
void NoteSetEvent(const StatusInput& input, DeploymentStatus& status) {
  const DeploymentCondition* before = Find(status, kProgressing);
  const std::string name = base::StrCat("\"", input.current_name, "\"");
  if (input.event == CurrentSetEvent::kCreated) {
    Set({kProgressing, "True", "NewReplicaSetCreated",
         base::StrCat("Created new replica set ", name)},
        input.now, false, status);
  } else if (input.event == CurrentSetEvent::kCreateFailed) {
    Set({kProgressing, "False", "ReplicaSetCreateError", input.create_error}, input.now, false,
        status);
  } else if (input.event == CurrentSetEvent::kFound && before == nullptr) {
    Set({kProgressing, "True", "FoundNewReplicaSet", base::StrCat("Found new replica set ", name)},
        input.now, false, status);
  }
}

void NotePause(const StatusInput& input, DeploymentStatus& status) {
  const DeploymentCondition* before = Find(status, kProgressing);
  if (before != nullptr && before->reason() == kTimedOut) return;
  const bool noted = before != nullptr && before->reason() == kPaused;
  if (input.deployment.spec().paused() && !noted) {
    Set({kProgressing, "Unknown", kPaused, "Deployment is paused"}, input.now, false, status);
  } else if (!input.deployment.spec().paused() && noted) {
    Set({kProgressing, "Unknown", "DeploymentResumed", "Deployment is resumed"}, input.now, false,
        status);
  }
}

void JudgeFailure(const StatusInput& input, DeploymentStatus& status) {
  Remove("ReplicaFailure", status);
  std::vector<const ReplicaSet*> sets = input.sets.old;
  if (input.sets.current != nullptr) sets.insert(sets.begin(), input.sets.current);
  for (const ReplicaSet* set : sets) {
    for (const auto& failure : set->status().conditions()) {
      if (failure.type() != "ReplicaFailure") continue;
      DeploymentCondition& condition = *status.add_conditions();
      condition.set_type(failure.type());
      condition.set_status(failure.status());
      condition.set_reason(failure.reason());
      condition.set_message(failure.message());
      *condition.mutable_last_transition_time() = failure.last_transition_time();
      *condition.mutable_last_update_time() = failure.last_transition_time();
      return;
    }
  }
}

}  // namespace

bool IsComplete(const Deployment& deployment, const DeploymentStatus& status) {
  const int wanted = ReplicasOf(deployment);
  return status.updated_replicas() == wanted && status.replicas() == wanted &&
         status.available_replicas() == wanted &&
         status.observed_generation() >= deployment.metadata().generation();
}

DeploymentStatus DeploymentStatusOf(const StatusInput& input) {
  DeploymentStatus status;
  *status.mutable_conditions() = input.deployment.status().conditions();
  if (input.deployment.status().has_collision_count()) {
    status.set_collision_count(input.deployment.status().collision_count());
  }
  Count(input, status);
  JudgeAvailability(input, status);
  if (!HasDeadline(input.deployment)) {
    if (input.rolling) Remove(kProgressing, status);
  } else {
    NotePause(input, status);
    NoteSetEvent(input, status);
    if (input.rolling) JudgeProgress(input, status);
  }
  if (input.rolling) JudgeFailure(input, status);
  return status;
}

std::optional<absl::Duration> ProgressCheckAfter(const Deployment& deployment,
                                                 const DeploymentStatus& status, absl::Time now) {
  const DeploymentCondition* progressing = Find(status, kProgressing);
  if (!HasDeadline(deployment) || progressing == nullptr || deployment.spec().paused()) return {};
  if (IsComplete(deployment, status) || progressing->reason() == kTimedOut ||
      progressing->reason() == kAvailable) {
    return {};
  }
  const absl::Time due = ToTime(progressing->last_update_time()) +
                         absl::Seconds(deployment.spec().progress_deadline_seconds());
  return std::max(absl::ZeroDuration(), due - now) + absl::Seconds(1);
}

}  // namespace berth::controlplane
