// SPDX-License-Identifier: Apache-2.0
// What a PodDisruptionBudget allows now. Pure.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_DISRUPTION_PLAN_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_DISRUPTION_PLAN_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

// An eviction that was granted and whose Pod is not marked as deleted after this long is forgotten.
inline constexpr absl::Duration kEvictionTimeout = absl::Minutes(2);

struct DisruptionInput {
  const api::policy::v1::PodDisruptionBudget& budget;
  std::vector<PodPtr> pods;  // those that it selects
  // The size that the Pods' controllers ask for; of use where NeedsScale() says so.
  int scale = 0;
  absl::Time now;
};

struct DisruptionPlan {
  std::vector<PodPtr> overdue;                        // granted evictions that nobody carried out
  absl::Duration recheck = absl::InfiniteDuration();  // when the next one may be overdue
};

// True for maxUnavailable and percentages: they are shares of what is asked for, not of what is
// there.
bool NeedsScale(const api::policy::v1::PodDisruptionBudget& budget);

// `status` becomes what it should be; the plan says what else there is to do.
DisruptionPlan PlanDisruption(const DisruptionInput& input,
                              api::policy::v1::PodDisruptionBudgetStatus& status);
// Of a budget whose Pods could not be judged: no disruption is allowed.
api::policy::v1::PodDisruptionBudgetStatus FailedDisruptionStatus(
    const api::policy::v1::PodDisruptionBudget& budget, const std::string& error, absl::Time now);

// Sets the condition DisruptionAllowed by the numbers.
void JudgeDisruption(absl::Time now, api::policy::v1::PodDisruptionBudgetStatus& status,
                     int64_t generation);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_DISRUPTION_PLAN_H_
