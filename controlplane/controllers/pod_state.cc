// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/pod_state.h"

#include "api/proto/core/v1/pod.pb.h"

namespace berth::controlplane {

using api::core::v1::Pod;
using api::core::v1::PodCondition;

absl::Time ToTime(const api::Time& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

void SetTime(absl::Time time, api::Time& out) {
  out.set_seconds(absl::ToUnixSeconds(time));
  out.clear_nanos();
}

const PodCondition* FindCondition(const Pod& pod, std::string_view type) {
  for (const PodCondition& condition : pod.status().conditions()) {
    if (condition.type() == type) return &condition;
  }
  return nullptr;
}

bool IsReady(const Pod& pod) {
  const PodCondition* ready = FindCondition(pod, "Ready");
  return ready != nullptr && ready->status() == "True";
}

absl::Time AvailableAt(const Pod& pod, absl::Duration min_ready) {
  const PodCondition* ready = FindCondition(pod, "Ready");
  if (ready == nullptr || ready->status() != "True") return absl::InfiniteFuture();
  if (min_ready <= absl::ZeroDuration()) return absl::InfinitePast();
  if (!ready->has_last_transition_time()) return absl::InfiniteFuture();
  return ToTime(ready->last_transition_time()) + min_ready;
}

bool IsAvailable(const Pod& pod, absl::Duration min_ready, absl::Time now) {
  return AvailableAt(pod, min_ready) <= now;
}

bool IsTerminating(const Pod& pod) { return pod.metadata().has_deletion_timestamp(); }

bool IsFinished(const Pod& pod) {
  return pod.status().phase() == "Succeeded" || pod.status().phase() == "Failed";
}

bool IsActive(const Pod& pod) { return !IsFinished(pod) && !IsTerminating(pod); }

}  // namespace berth::controlplane
