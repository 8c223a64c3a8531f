// SPDX-License-Identifier: Apache-2.0
#include "agent/pods/preemption.h"

#include "agent/pods/worker_fixture.h"

namespace berth::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int32_t kSystem = 2'000'000'000;

std::shared_ptr<Pod> Asking(const std::string& name, const std::string& cpu, int32_t priority = 0,
                            bool guaranteed = false) {
  auto pod = std::make_shared<Pod>();
  pod->mutable_metadata()->set_namespace_("default");
  pod->mutable_metadata()->set_name(name);
  pod->mutable_metadata()->set_uid("uid-" + name);
  pod->mutable_spec()->set_priority(priority);
  pod->mutable_spec()->set_restart_policy("Always");
  pod->mutable_spec()->set_termination_grace_period_seconds(30);
  auto* container = pod->mutable_spec()->add_containers();
  container->set_name("app");
  container->set_image("busybox");
  if (cpu.empty()) return pod;
  auto& resources = *container->mutable_resources();
  (*resources.mutable_requests())["cpu"].set_string(cpu);
  if (!guaranteed) return pod;
  for (auto* amounts : {resources.mutable_requests(), resources.mutable_limits()}) {
    (*amounts)["cpu"].set_string(cpu);
    (*amounts)["memory"].set_string("1Mi");
  }
  return pod;
}

std::string Victims(const std::vector<std::shared_ptr<const Pod>>& running, int64_t missing,
                    const std::string& resource = "cpu") {
  const auto chosen =
      PodsToPreempt(*Asking("system", "1", kSystem), running, {{resource, missing, 0, 0}});
  if (!chosen.ok()) return std::string(chosen.status().message());
  std::vector<std::string> names;
  for (const auto& pod : *chosen) names.push_back(pod->metadata().name());
  return base::Join(names, " ");
}

TEST(PodsToPreempt, WhoComesClosestToWhatIsMissing) {
  EXPECT_EQ(
      Victims({Asking("small", "100m"), Asking("fits", "300m"), Asking("large", "900m")}, 250),
      "fits");
  EXPECT_EQ(Victims({Asking("a", "100m"), Asking("b", "200m")}, 250), "b a");
}

TEST(PodsToPreempt, GuaranteedOnesOnlyWhenTheOthersAreNotEnough) {
  EXPECT_EQ(
      Victims({Asking("precious", "500m", 0, true), Asking("a", "200m"), Asking("b", "300m")}, 400),
      "b a");
  EXPECT_EQ(Victims({Asking("precious", "500m", 0, true), Asking("a", "200m")}, 600), "a precious");
}

TEST(PodsToPreempt, ABestEffortOneMakesPlaceForAPod) {
  EXPECT_EQ(Victims({Asking("burstable", "100m"), Asking("plain", "")}, 1, "pods"), "plain");
}

TEST(PodsToPreempt, NeverACriticalOneAndNotInVain) {
  EXPECT_EQ(Victims({Asking("system2", "900m", kSystem), Asking("a", "100m")}, 200),
            "no set of running pods found to reclaim resources: [(res: cpu, q: 100), ]");
}

class PreemptionTest : public WorkerTest {
 protected:
  PreemptionTest() {
    auto& allocatable = *node_->mutable_status()->mutable_allocatable();
    allocatable["cpu"].set_string("1");
    allocatable["pods"].set_string("10");
  }
};

TEST_F(PreemptionTest, ACriticalPodTakesTheRoomOfAnother) {
  Run(Asking("victim", "800m"));
  EXPECT_EQ(StatusOf("victim").phase(), "Running");
  runtime_.IgnoreTerm("app");
  set_->Deliver(Asking("system", "500m", kSystem));
  Settle();
  EXPECT_THAT(event_log_, Contains("Preempting Preempted in order to admit critical pod"));
  const PodStatus ended = StatusOf("victim");
  EXPECT_EQ(ended.phase(), "Failed");
  EXPECT_EQ(ended.reason(), "Preempting");
  EXPECT_EQ(ended.message(), "Preempted in order to admit critical pod");
  const auto& conditions = ended.conditions();
  const auto disruption = std::find_if(conditions.begin(), conditions.end(), [](const auto& c) {
    return c.type() == "DisruptionTarget";
  });
  ASSERT_NE(disruption, conditions.end());
  EXPECT_EQ(disruption->status(), "True");
  EXPECT_EQ(disruption->reason(), "TerminationByKubelet");
  EXPECT_EQ(disruption->message(), "Pod was preempted by Kubelet to accommodate a critical pod.");
  EXPECT_EQ(StatusOf("system").phase(), "Running");
}

TEST_F(PreemptionTest, AnOrdinaryPodDoesNot) {
  Run(Asking("first", "800m"));
  set_->Deliver(Asking("second", "500m"));
  Settle();
  EXPECT_EQ(StatusOf("first").phase(), "Running");
  EXPECT_EQ(StatusOf("second").reason(), "OutOfcpu");
}

TEST_F(PreemptionTest, WhatCannotBeMadeEndsNobody) {
  Run(Asking("first", "800m"));
  set_->Deliver(Asking("system", "5", kSystem));
  Settle();
  EXPECT_EQ(StatusOf("first").phase(), "Running");
  EXPECT_EQ(StatusOf("system").reason(), "UnexpectedAdmissionError");
  EXPECT_THAT(StatusOf("system").message(),
              HasSubstr("Pod was rejected: Unexpected error while attempting to recover from "
                        "admission failure: preemption: error finding a set of pods to preempt: "));
}

TEST_F(PreemptionTest, UnderPressureAPodIsKeptOut) {
  context_->keep_out = [](const Pod& pod) -> std::optional<PodVerdict> {
    if (pod.metadata().name() != "web") return std::nullopt;
    return PodVerdict{"Evicted", "Pod was rejected: The node had condition: [DiskPressure]. "};
  };
  Run(MakePod());
  EXPECT_EQ(StatusOf().phase(), "Failed");
  EXPECT_EQ(StatusOf().reason(), "Evicted");
  EXPECT_EQ(runtime_.sandboxes(), 0u);
  set_->Deliver(MakePod("other"));
  Settle();
  EXPECT_EQ(StatusOf("other").phase(), "Running");
}

TEST_F(PreemptionTest, AnEvictedPodHasTheGraceOfItsEviction) {
  Run(MakePod());
  PodVerdict verdict{"Evicted", "The node was low on resource: memory. "};
  verdict.disruption = verdict.message;
  verdict.grace = absl::Seconds(5);
  set_->End("uid-web", verdict);
  Settle();
  EXPECT_THAT(runtime_.Calls(), Contains("StopContainer app 5"));
  EXPECT_EQ(StatusOf().phase(), "Failed");
  EXPECT_EQ(StatusOf().reason(), "Evicted");
  // The API still has the pod; its containers go when the disk is needed.
  EXPECT_EQ(runtime_.containers(), 1u);
  set_->FreeContainers();
  Settle();
  EXPECT_EQ(runtime_.containers(), 0u);
  EXPECT_EQ(StatusOf().phase(), "Failed");
}

}  // namespace
}  // namespace berth::agent
