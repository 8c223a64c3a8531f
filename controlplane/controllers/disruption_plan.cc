// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/disruption_plan.h"

#include <algorithm>

#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/policy/v1/policy.pb.h"
#include "controlplane/controllers/pod_state.h"
#include "controlplane/controllers/scaled_value.h"

namespace berth::controlplane {
namespace {

using api::policy::v1::PodDisruptionBudget;
using api::policy::v1::PodDisruptionBudgetStatus;

struct Verdict {
  std::string_view status;
  std::string_view reason;
  std::string message;
};

void SetAllowed(const Verdict& verdict, absl::Time now, int64_t generation,
                PodDisruptionBudgetStatus& status) {
  auto& conditions = *status.mutable_conditions();
  auto it = std::find_if(conditions.begin(), conditions.end(),
                         [](const auto& c) { return c.type() == "DisruptionAllowed"; });
  auto& condition = it != conditions.end() ? *it : *conditions.Add();
  condition.set_type("DisruptionAllowed");
  if (condition.status() != verdict.status) {
    SetTime(now, *condition.mutable_last_transition_time());
  }
  condition.set_status(std::string(verdict.status));
  condition.set_reason(std::string(verdict.reason));
  condition.set_message(verdict.message);
  condition.set_observed_generation(generation);
}

// How many Pods there should be, and how many of them have to be healthy.
void SetExpectations(const DisruptionInput& in, PodDisruptionBudgetStatus& status) {
  const auto& spec = in.budget.spec();
  const int there = static_cast<int>(in.pods.size());
  int desired = 0;
  if (spec.has_max_unavailable()) {
    desired = in.scale - ScaledValue(spec.max_unavailable(), in.scale, Rounding::kUp);
  } else if (spec.has_min_available()) {
    desired = ScaledValue(spec.min_available(), in.scale, Rounding::kUp);
  }
  status.set_expected_pods(NeedsScale(in.budget) ? in.scale : there);
  status.set_desired_healthy(std::max(0, desired));
}

// Keeps the granted evictions whose Pods are still there and unmarked.
void CarryDisruptions(const DisruptionInput& in, DisruptionPlan& plan,
                      PodDisruptionBudgetStatus& status) {
  for (const PodPtr& pod : in.pods) {
    const auto& granted = in.budget.status().disrupted_pods();
    const auto it = granted.find(pod->metadata().name());
    if (it == granted.end() || IsTerminating(*pod)) continue;
    const absl::Time due = ToTime(it->second) + kEvictionTimeout;
    if (due <= in.now) {
      plan.overdue.push_back(pod);
      continue;
    }
    (*status.mutable_disrupted_pods())[it->first] = it->second;
    plan.recheck = std::min(plan.recheck, due - in.now);
  }
}

}  // namespace

bool NeedsScale(const PodDisruptionBudget& budget) {
  return budget.spec().has_max_unavailable() || budget.spec().min_available().type() != 0;
}

DisruptionPlan PlanDisruption(const DisruptionInput& in, PodDisruptionBudgetStatus& status) {
  DisruptionPlan plan;
  status.Clear();
  *status.mutable_conditions() = in.budget.status().conditions();
  status.set_observed_generation(in.budget.metadata().generation());
  CarryDisruptions(in, plan, status);
  int healthy = 0;
  for (const PodPtr& pod : in.pods) {
    const bool going =
        IsTerminating(*pod) || status.disrupted_pods().contains(pod->metadata().name());
    if (!going && IsReady(*pod)) ++healthy;
  }
  SetExpectations(in, status);
  status.set_current_healthy(healthy);
  const int spare = healthy - status.desired_healthy();
  status.set_disruptions_allowed(status.expected_pods() > 0 ? std::max(0, spare) : 0);
  JudgeDisruption(in.now, status, in.budget.metadata().generation());
  return plan;
}

PodDisruptionBudgetStatus FailedDisruptionStatus(const PodDisruptionBudget& budget,
                                                 const std::string& error, absl::Time now) {
  PodDisruptionBudgetStatus status = budget.status();
  status.set_disruptions_allowed(0);
  status.set_observed_generation(budget.metadata().generation());
  SetAllowed({"False", "SyncFailed", error}, now, budget.metadata().generation(), status);
  return status;
}

void JudgeDisruption(absl::Time now, PodDisruptionBudgetStatus& status, int64_t generation) {
  const bool allowed = status.disruptions_allowed() > 0;
  SetAllowed({allowed ? "True" : "False", allowed ? "SufficientPods" : "InsufficientPods", ""}, now,
             generation, status);
}

}  // namespace berth::controlplane
