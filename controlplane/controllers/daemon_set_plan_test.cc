// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/daemon_set_plan.h"

#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "controlplane/controllers/daemon_set_history.h"
#include "controlplane/controllers/pod_state.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace berth::controlplane {
namespace {

using api::apps::v1::DaemonSet;
using api::core::v1::Node;
using api::core::v1::Pod;
using testing::ElementsAre;
using testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1000000);

DaemonSet MakeSet() {
  DaemonSet set;
  set.mutable_metadata()->set_name("agent");
  set.mutable_metadata()->set_namespace_("kube-system");
  set.mutable_spec()->mutable_template_()->mutable_spec()->add_containers()->set_name("c");
  return set;
}

std::shared_ptr<Node> MakeNode(const std::string& name, const std::string& taint = "",
                               const std::string& effect = "") {
  auto node = std::make_shared<Node>();
  node->mutable_metadata()->set_name(name);
  if (!taint.empty()) {
    auto& added = *node->mutable_spec()->add_taints();
    added.set_key(taint);
    added.set_effect(effect);
  }
  return node;
}

// `state`: "ready", "unready", "going", "failed"; `age` in seconds.
PodPtr MakePod(const std::string& node, const std::string& hash, const std::string& state,
               int age = 100) {
  auto pod = std::make_shared<Pod>();
  auto& meta = *pod->mutable_metadata();
  meta.set_name(node + "-" + hash + "-" + state);
  (*meta.mutable_labels())["controller-revision-hash"] = hash;
  SetTime(kNow - absl::Seconds(age), *meta.mutable_creation_timestamp());
  if (state == "going") SetTime(kNow, *meta.mutable_deletion_timestamp());
  pod->mutable_spec()->set_node_name(node);
  pod->mutable_status()->set_phase(state == "failed" ? "Failed" : "Running");
  auto& ready = *pod->mutable_status()->add_conditions();
  ready.set_type("Ready");
  ready.set_status(state == "ready" ? "True" : "False");
  SetTime(kNow - absl::Seconds(age), *ready.mutable_last_transition_time());
  return pod;
}

std::vector<std::string> Names(const std::vector<PodPtr>& pods) {
  std::vector<std::string> names;
  for (const PodPtr& pod : pods) names.push_back(pod->metadata().name());
  return names;
}

TEST(DaemonSetPlanTest, SaysWhereDaemonsRunAndMayStay) {
  struct Case {
    std::string taint, effect;
    bool run, stay;
  };
  const Case cases[] = {
      {"", "", true, true},
      {"dedicated", "NoSchedule", false, true},
      {"dedicated", "NoExecute", false, false},
      {"dedicated", "PreferNoSchedule", true, true},
      {"node.kubernetes.io/unschedulable", "NoSchedule", true, true},
      {"node.kubernetes.io/not-ready", "NoExecute", true, true},
      {"node.kubernetes.io/disk-pressure", "NoSchedule", true, true},
      {"node.kubernetes.io/network-unavailable", "NoSchedule", false, true},
  };
  for (const Case& c : cases) {
    const NodeFit fit = FitOf(MakeSet(), *MakeNode("n", c.taint, c.effect));
    EXPECT_EQ(fit.run, c.run) << c.taint;
    EXPECT_EQ(fit.stay, c.stay) << c.taint;
  }
  DaemonSet host = MakeSet();
  host.mutable_spec()->mutable_template_()->mutable_spec()->set_host_network(true);
  EXPECT_TRUE(
      FitOf(host, *MakeNode("n", "node.kubernetes.io/network-unavailable", "NoSchedule")).run);
  DaemonSet picky = MakeSet();
  (*picky.mutable_spec()->mutable_template_()->mutable_spec()->mutable_node_selector())["disk"] =
      "ssd";
  auto node = MakeNode("n");
  EXPECT_FALSE(FitOf(picky, *node).stay);
  (*node->mutable_metadata()->mutable_labels())["disk"] = "ssd";
  EXPECT_TRUE(FitOf(picky, *node).run);
}

TEST(DaemonSetPlanTest, APodIsPinnedToItsNode) {
  DaemonSet set = MakeSet();
  const Pod pod = MakeDaemonPod(set, "h", "n1");
  EXPECT_EQ(TargetNode(pod), "n1");
  EXPECT_EQ(pod.metadata().labels().at("controller-revision-hash"), "h");
  EXPECT_EQ(pod.spec().tolerations_size(), 6);
  EXPECT_EQ(pod.metadata().generate_name(), "agent-");
}

TEST(DaemonSetPlanTest, KeepsOneLivingPodPerNode) {
  const DaemonSet set = MakeSet();
  const DaemonSetInput input{
      .set = set,
      .hash = "b",
      .nodes = {MakeNode("empty"), MakeNode("one"), MakeNode("two"), MakeNode("going"),
                MakeNode("failed"), MakeNode("shut", "x", "NoExecute"),
                MakeNode("closed", "x", "NoSchedule")},
      .pods = {MakePod("one", "b", "ready"), MakePod("two", "b", "ready", 50),
               MakePod("two", "a", "ready", 60), MakePod("going", "b", "going"),
               MakePod("failed", "b", "failed"), MakePod("shut", "b", "ready"),
               MakePod("closed", "b", "ready")},
      .now = kNow};
  const DaemonSetPlan plan = PlanDaemonSet(input);
  EXPECT_THAT(plan.create, ElementsAre("empty"));
  EXPECT_THAT(Names(plan.remove), ElementsAre("two-b-ready", "shut-b-ready"));
  EXPECT_THAT(Names(plan.ended), ElementsAre("failed-b-failed"));
}

DaemonSetInput Update(const DaemonSet& set, std::vector<PodPtr> pods) {
  return {.set = set,
          .hash = "b",
          .nodes = {MakeNode("n1"), MakeNode("n2"), MakeNode("n3")},
          .pods = std::move(pods),
          .now = kNow};
}

TEST(DaemonSetPlanTest, ReplacesAsManyAsMayBeUnavailable) {
  DaemonSet set = MakeSet();
  auto& rolling = *set.mutable_spec()->mutable_update_strategy()->mutable_rolling_update();
  rolling.mutable_max_unavailable()->set_int_val(1);
  const PodPtr old1 = MakePod("n1", "a", "ready"), old2 = MakePod("n2", "a", "ready"),
               old3 = MakePod("n3", "a", "ready");
  EXPECT_THAT(Names(PlanDaemonUpdate(Update(set, {old1, old2, old3})).remove),
              ElementsAre("n1-a-ready"));
  // The first is not back yet.
  EXPECT_THAT(PlanDaemonUpdate(Update(set, {MakePod("n1", "b", "unready"), old2, old3})).remove,
              IsEmpty());
  EXPECT_THAT(PlanDaemonUpdate(Update(set, {MakePod("n1", "a", "going"), old2, old3})).remove,
              IsEmpty());
  EXPECT_THAT(
      Names(PlanDaemonUpdate(Update(set, {MakePod("n1", "b", "ready"), old2, old3})).remove),
      ElementsAre("n2-a-ready"));
  // An old pod that serves nobody goes in any case, and takes from the budget.
  EXPECT_THAT(
      Names(PlanDaemonUpdate(Update(set, {MakePod("n1", "a", "unready"), old2, old3})).remove),
      ElementsAre("n1-a-unready"));
  rolling.mutable_max_unavailable()->set_int_val(0);
  rolling.mutable_max_unavailable()->set_type(1);
  rolling.mutable_max_unavailable()->set_str_val("50%");
  EXPECT_EQ(PlanDaemonUpdate(Update(set, {old1, old2, old3})).remove.size(), 2u);
  // Ready is not yet available.
  set.mutable_spec()->set_min_ready_seconds(30);
  const auto young =
      Update(set, {MakePod("n1", "b", "ready", 10), MakePod("n2", "b", "unready"), old3});
  EXPECT_THAT(PlanDaemonUpdate(young).remove, IsEmpty());
  EXPECT_EQ(NextDaemonAvailability(young), kNow + absl::Seconds(20));
  set.mutable_spec()->mutable_update_strategy()->set_type("OnDelete");
  EXPECT_THAT(PlanDaemonUpdate(Update(set, {old1, old2, old3})).remove, IsEmpty());
}

TEST(DaemonSetPlanTest, ASurgeStartsTheNewBesideTheOld) {
  DaemonSet set = MakeSet();
  auto& rolling = *set.mutable_spec()->mutable_update_strategy()->mutable_rolling_update();
  rolling.mutable_max_surge()->set_int_val(1);
  rolling.mutable_max_unavailable()->set_int_val(0);
  const PodPtr old1 = MakePod("n1", "a", "ready"), old2 = MakePod("n2", "a", "ready"),
               old3 = MakePod("n3", "a", "ready");
  DaemonSetPlan plan = PlanDaemonUpdate(Update(set, {old1, old2, old3}));
  EXPECT_THAT(plan.create, ElementsAre("n1"));
  EXPECT_THAT(plan.remove, IsEmpty());
  const auto both = Update(set, {old1, MakePod("n1", "b", "unready", 5), old2, old3});
  plan = PlanDaemonUpdate(both);
  EXPECT_THAT(plan.create, IsEmpty());
  EXPECT_THAT(plan.remove, IsEmpty());
  EXPECT_THAT(PlanDaemonSet(both).remove, IsEmpty());
  plan = PlanDaemonUpdate(Update(set, {old1, MakePod("n1", "b", "ready", 5), old2, old3}));
  EXPECT_THAT(Names(plan.remove), ElementsAre("n1-a-ready"));
  EXPECT_THAT(plan.create, ElementsAre("n2"));
}

TEST(DaemonSetPlanTest, CountsForTheStatus) {
  const DaemonSet set = MakeSet();
  DaemonSetInput input = Update(set, {MakePod("n1", "b", "ready"), MakePod("n2", "a", "unready"),
                                      MakePod("n4", "a", "ready")});
  input.nodes.push_back(MakeNode("n4", "x", "NoSchedule"));
  const auto status = DaemonSetStatusOf(input);
  EXPECT_EQ(status.desired_number_scheduled(), 3);
  EXPECT_EQ(status.current_number_scheduled(), 2);
  EXPECT_EQ(status.number_misscheduled(), 1);
  EXPECT_EQ(status.number_ready(), 1);
  EXPECT_EQ(status.number_available(), 1);
  EXPECT_EQ(status.number_unavailable(), 2);
  EXPECT_EQ(status.updated_number_scheduled(), 1);
}

TEST(DaemonSetPlanTest, ARevisionIsAPatchOfTheTemplate) {
  EXPECT_THAT(TemplatePatch(MakeSet()),
              testing::AllOf(testing::HasSubstr(R"({"spec":{"template":{"$patch":"replace")"),
                             testing::HasSubstr(R"("name":"c")")));
}

}  // namespace
}  // namespace berth::controlplane
