// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/replica_set_plan.h"

#include <algorithm>

#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"
#include "controlplane/controllers/ownership.h"
#include "controlplane/controllers/pod_rank.h"
#include "controlplane/controllers/pod_state.h"

namespace berth::controlplane {

using api::apps::v1::ReplicaSet;
using api::apps::v1::ReplicaSetStatus;
using api::core::v1::Pod;

namespace {

// Every label of the set's template is on the pod.
bool FullyLabeled(const ReplicaSet& set, const Pod& pod) {
  const auto& labels = pod.metadata().labels();
  for (const auto& [key, value] : set.spec().template_().metadata().labels()) {
    const auto it = labels.find(key);
    if (it == labels.end() || it->second != value) return false;
  }
  return true;
}

void SetFailure(const ReplicaSet& set, std::string_view reason, std::string_view message,
                absl::Time now, ReplicaSetStatus& status) {
  const api::apps::v1::ReplicaSetCondition* old = nullptr;
  for (const auto& condition : set.status().conditions()) {
    if (condition.type() == "ReplicaFailure") {
      old = &condition;
    } else {
      *status.add_conditions() = condition;
    }
  }
  if (message.empty()) return;
  if (old != nullptr) {  // the first failure is the one that is reported
    *status.add_conditions() = *old;
    return;
  }
  auto& condition = *status.add_conditions();
  condition.set_type("ReplicaFailure");
  condition.set_status("True");
  condition.set_reason(std::string(reason));
  condition.set_message(std::string(message));
  SetTime(now, *condition.mutable_last_transition_time());
}

}  // namespace

ReplicaSetPlan PlanReplicaSet(const ReplicaSet& set, const std::vector<PodPtr>& pods,
                              const std::vector<PodPtr>& siblings, absl::Time now) {
  std::vector<PodPtr> active;
  for (const PodPtr& pod : pods) {
    if (IsActive(*pod)) active.push_back(pod);
  }
  const int wanted = set.spec().has_replicas() ? set.spec().replicas() : 1;
  const int difference = static_cast<int>(active.size()) - wanted;
  ReplicaSetPlan plan;
  if (difference < 0) plan.create = std::min(-difference, kReplicaBurst);
  if (difference > 0) {
    plan.remove = RankForDeletion(std::move(active), siblings, now);
    plan.remove.resize(std::min(difference, kReplicaBurst));
  }
  return plan;
}

ReplicaSetStatus ReplicaSetStatusOf(const ReplicaSet& set, const std::vector<PodPtr>& pods,
                                    std::string_view failure_reason, std::string_view failure,
                                    absl::Time now) {
  ReplicaSetStatus status;
  const absl::Duration min_ready = absl::Seconds(set.spec().min_ready_seconds());
  int replicas = 0, labeled = 0, ready = 0, available = 0, terminating = 0;
  for (const PodPtr& pod : pods) {
    if (IsTerminating(*pod) && !IsFinished(*pod)) ++terminating;
    if (!IsActive(*pod)) continue;
    ++replicas;
    if (FullyLabeled(set, *pod)) ++labeled;
    if (!IsReady(*pod)) continue;
    ++ready;
    if (IsAvailable(*pod, min_ready, now)) ++available;
  }
  status.set_replicas(replicas);
  status.set_fully_labeled_replicas(labeled);
  status.set_ready_replicas(ready);
  status.set_available_replicas(available);
  status.set_terminating_replicas(terminating);
  status.set_observed_generation(set.metadata().generation());
  SetFailure(set, failure_reason, failure, now, status);
  return status;
}

absl::Time NextAvailability(const ReplicaSet& set, const std::vector<PodPtr>& pods,
                            absl::Time now) {
  const absl::Duration min_ready = absl::Seconds(set.spec().min_ready_seconds());
  absl::Time next = absl::InfiniteFuture();
  for (const PodPtr& pod : pods) {
    if (!IsActive(*pod)) continue;
    const absl::Time at = AvailableAt(*pod, min_ready);
    if (at > now) next = std::min(next, at);
  }
  return next;
}

Pod PodFromTemplate(const ReplicaSet& set) {
  Pod pod;
  const auto& from = set.spec().template_();
  *pod.mutable_spec() = from.spec();
  auto& meta = *pod.mutable_metadata();
  *meta.mutable_labels() = from.metadata().labels();
  *meta.mutable_annotations() = from.metadata().annotations();
  *meta.mutable_finalizers() = from.metadata().finalizers();
  meta.set_generate_name(base::StrCat(set.metadata().name(), "-"));
  meta.set_namespace_(set.metadata().namespace_());
  AddControllerRef(set, meta);
  return pod;
}

std::vector<int> SlowStartBatches(int count) {
  std::vector<int> batches;
  for (int size = 1; count > 0; size *= 2) {
    batches.push_back(std::min(size, count));
    count -= batches.back();
  }
  return batches;
}

}  // namespace berth::controlplane
