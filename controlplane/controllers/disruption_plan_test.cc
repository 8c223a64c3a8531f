// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/disruption_plan.h"

#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/policy/v1/policy.pb.h"
#include "controlplane/controllers/pod_state.h"
#include "gtest/gtest.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Pod;
using api::policy::v1::PodDisruptionBudget;
using api::policy::v1::PodDisruptionBudgetStatus;

const absl::Time kNow = absl::FromUnixSeconds(1000000);

PodPtr MakePod(const std::string& name, bool ready, bool going = false) {
  auto pod = std::make_shared<Pod>();
  pod->mutable_metadata()->set_name(name);
  if (going) SetTime(kNow, *pod->mutable_metadata()->mutable_deletion_timestamp());
  auto& condition = *pod->mutable_status()->add_conditions();
  condition.set_type("Ready");
  condition.set_status(ready ? "True" : "False");
  return pod;
}

std::vector<PodPtr> Pods(int ready, int unready, int going = 0) {
  std::vector<PodPtr> pods;
  for (int i = 0; i < ready + unready + going; ++i) {
    pods.push_back(MakePod("p" + std::to_string(i), i < ready, i >= ready + unready));
  }
  return pods;
}

void Set(const std::string& text, api::IntOrString& value) {
  value.set_type(text.ends_with('%') ? 1 : 0);
  if (value.type() == 1) {
    value.set_str_val(text);
  } else {
    value.set_int_val(std::stoi(text));
  }
}

struct Case {
  std::string min_available;
  std::string max_unavailable;
  std::vector<PodPtr> pods;
  int scale;
  int expected, desired, healthy, allowed;
};

TEST(PlanDisruptionTest, CountsWhatMayGo) {
  const Case cases[] = {
      {"2", "", Pods(3, 0), 0, 3, 2, 3, 1},    {"2", "", Pods(1, 2), 0, 3, 2, 1, 0},
      {"0", "", Pods(3, 0), 0, 3, 0, 3, 3},    {"0", "", {}, 0, 0, 0, 0, 0},
      {"50%", "", Pods(3, 0), 5, 5, 3, 3, 0},  // rounded up, of what is asked for
      {"50%", "", Pods(5, 0), 5, 5, 3, 5, 2},  {"", "1", Pods(4, 0), 4, 4, 3, 4, 1},
      {"", "1", Pods(3, 0), 4, 4, 3, 3, 0},  // one is missing already
      {"", "25%", Pods(4, 0), 4, 4, 3, 4, 1},  {"", "10", Pods(2, 1), 3, 3, 0, 2, 2},
      {"2", "", Pods(2, 0, 1), 0, 3, 2, 2, 0},  // a terminating Pod is not healthy
  };
  for (const Case& c : cases) {
    PodDisruptionBudget budget;
    budget.mutable_metadata()->set_generation(7);
    if (!c.min_available.empty()) {
      Set(c.min_available, *budget.mutable_spec()->mutable_min_available());
    }
    if (!c.max_unavailable.empty()) {
      Set(c.max_unavailable, *budget.mutable_spec()->mutable_max_unavailable());
    }
    PodDisruptionBudgetStatus status;
    PlanDisruption({budget, c.pods, c.scale, kNow}, status);
    const std::string name = c.min_available + "/" + c.max_unavailable;
    EXPECT_EQ(status.expected_pods(), c.expected) << name;
    EXPECT_EQ(status.desired_healthy(), c.desired) << name;
    EXPECT_EQ(status.current_healthy(), c.healthy) << name;
    EXPECT_EQ(status.disruptions_allowed(), c.allowed) << name;
    EXPECT_EQ(status.observed_generation(), 7) << name;
    EXPECT_EQ(status.conditions(0).reason(), c.allowed > 0 ? "SufficientPods" : "InsufficientPods");
  }
}

TEST(PlanDisruptionTest, AGrantedEvictionCountsUntilItIsCarriedOutOrOverdue) {
  PodDisruptionBudget budget;
  budget.mutable_spec()->mutable_min_available()->set_int_val(1);
  auto& granted = *budget.mutable_status()->mutable_disrupted_pods();
  SetTime(kNow - absl::Seconds(30), granted["p0"]);
  SetTime(kNow - absl::Minutes(3), granted["p1"]);
  SetTime(kNow, granted["gone"]);
  PodDisruptionBudgetStatus status;
  const DisruptionPlan plan = PlanDisruption({budget, Pods(3, 0), 0, kNow}, status);
  EXPECT_EQ(status.current_healthy(), 2);
  EXPECT_EQ(status.disruptions_allowed(), 1);
  EXPECT_EQ(status.disrupted_pods_size(), 1);
  EXPECT_TRUE(status.disrupted_pods().contains("p0"));
  EXPECT_EQ(plan.recheck, absl::Seconds(90));
  ASSERT_EQ(plan.overdue.size(), 1u);
  EXPECT_EQ(plan.overdue[0]->metadata().name(), "p1");
}

TEST(PlanDisruptionTest, TheTransitionTimeMovesWithTheAnswer) {
  PodDisruptionBudget budget;
  budget.mutable_spec()->mutable_min_available()->set_int_val(1);
  PlanDisruption({budget, Pods(2, 0), 0, kNow}, *budget.mutable_status());
  PodDisruptionBudgetStatus status;
  PlanDisruption({budget, Pods(3, 0), 0, kNow + absl::Minutes(1)}, status);
  EXPECT_EQ(ToTime(status.conditions(0).last_transition_time()), kNow);
  *budget.mutable_status() = status;
  PlanDisruption({budget, Pods(1, 0), 0, kNow + absl::Minutes(2)}, status);
  EXPECT_EQ(ToTime(status.conditions(0).last_transition_time()), kNow + absl::Minutes(2));
  EXPECT_EQ(status.conditions_size(), 1);
}

TEST(PlanDisruptionTest, WhatCannotBeJudgedAllowsNothing) {
  PodDisruptionBudget budget;
  budget.mutable_status()->set_disruptions_allowed(3);
  const auto status = FailedDisruptionStatus(budget, "no scale", kNow);
  EXPECT_EQ(status.disruptions_allowed(), 0);
  EXPECT_EQ(status.conditions(0).reason(), "SyncFailed");
  EXPECT_EQ(status.conditions(0).message(), "no scale");
}

}  // namespace
}  // namespace berth::controlplane
