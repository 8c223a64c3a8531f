// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/replica_set_plan.h"

#include <functional>

#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"
#include "controlplane/controllers/pod_rank.h"
#include "controlplane/controllers/pod_state.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace berth::controlplane {
namespace {

using api::apps::v1::ReplicaSet;
using api::core::v1::Pod;
using testing::ElementsAre;
using testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

PodPtr MakePod(std::string_view name, const std::function<void(Pod&)>& change = {}) {
  Pod pod;
  pod.mutable_metadata()->set_name(std::string(name));
  pod.mutable_metadata()->set_uid(std::string(name));
  SetTime(kNow - absl::Hours(1), *pod.mutable_metadata()->mutable_creation_timestamp());
  pod.mutable_spec()->set_node_name("n1");
  pod.mutable_status()->set_phase("Running");
  auto& ready = *pod.mutable_status()->add_conditions();
  ready.set_type("Ready");
  ready.set_status("True");
  SetTime(kNow - absl::Minutes(50), *ready.mutable_last_transition_time());
  if (change) change(pod);
  return std::make_shared<Pod>(std::move(pod));
}

PodPtr ReadyFor(std::string_view name, absl::Duration time) {
  return MakePod(name, [&](Pod& pod) {
    SetTime(kNow - time,
            *pod.mutable_status()->mutable_conditions(0)->mutable_last_transition_time());
  });
}

ReplicaSet MakeSet(int replicas) {
  ReplicaSet set;
  set.mutable_metadata()->set_name("web-abc");
  set.mutable_metadata()->set_generation(3);
  set.mutable_spec()->set_replicas(replicas);
  (*set.mutable_spec()->mutable_template_()->mutable_metadata()->mutable_labels())["app"] = "web";
  return set;
}

std::vector<std::string> Names(const std::vector<PodPtr>& pods) {
  std::vector<std::string> names;
  for (const PodPtr& pod : pods) names.push_back(pod->metadata().name());
  return names;
}

void MakeUnready(Pod& pod) { pod.mutable_status()->mutable_conditions(0)->set_status("False"); }
void Finish(Pod& pod) { pod.mutable_status()->set_phase("Failed"); }
void Delete(Pod& pod) { SetTime(kNow, *pod.mutable_metadata()->mutable_deletion_timestamp()); }

TEST(RankForDeletion, FollowsTheOrderOfCriteria) {
  const std::vector<PodPtr> pods = {
      MakePod("steady"),
      MakePod("newer",
              [](Pod& p) {
                SetTime(kNow - absl::Minutes(2),
                        *p.mutable_metadata()->mutable_creation_timestamp());
              }),
      MakePod("restarted",
              [](Pod& p) { p.mutable_status()->add_container_statuses()->set_restart_count(4); }),
      ReadyFor("fresh", absl::Seconds(5)),
      MakePod("cheap",
              [](Pod& p) {
                (*p.mutable_metadata()
                      ->mutable_annotations())["controller.kubernetes.io/pod-deletion-cost"] = "-5";
              }),
      MakePod("unready", MakeUnready),
      MakePod("pending", [](Pod& p) { p.mutable_status()->set_phase("Pending"); }),
      MakePod("unassigned", [](Pod& p) { p.mutable_spec()->clear_node_name(); }),
  };
  EXPECT_THAT(Names(RankForDeletion(pods, {}, kNow)),
              ElementsAre("unassigned", "pending", "unready", "cheap", "fresh", "restarted",
                          "newer", "steady"));
}

TEST(RankForDeletion, PrefersNodesWithMoreSiblings) {
  const auto on = [](std::string node) {
    return [node](Pod& p) { p.mutable_spec()->set_node_name(node); };
  };
  const std::vector<PodPtr> pods = {MakePod("a", on("n1")), MakePod("b", on("n2")),
                                    MakePod("c", on("n2"))};
  EXPECT_THAT(Names(RankForDeletion(pods, pods, kNow)), ElementsAre("b", "c", "a"));
}

TEST(PlanReplicaSet, CreatesWhatIsMissingAndIgnoresFinishedAndTerminatingPods) {
  const std::vector<PodPtr> pods = {MakePod("a"), MakePod("done", Finish), MakePod("bye", Delete)};
  const auto plan = PlanReplicaSet(MakeSet(4), pods, pods, kNow);
  EXPECT_EQ(plan.create, 3);
  EXPECT_THAT(plan.remove, IsEmpty());
}

TEST(PlanReplicaSet, RemovesWhatIsTooMuch) {
  const std::vector<PodPtr> pods = {MakePod("a"), MakePod("b", MakeUnready), MakePod("c")};
  const auto plan = PlanReplicaSet(MakeSet(2), pods, pods, kNow);
  EXPECT_EQ(plan.create, 0);
  EXPECT_THAT(Names(plan.remove), ElementsAre("b"));
}

TEST(PlanReplicaSet, DoesAtMostABurstAtOnce) {
  EXPECT_EQ(PlanReplicaSet(MakeSet(2000), {}, {}, kNow).create, kReplicaBurst);
}

TEST(ReplicaSetStatusOf, CountsByState) {
  ReplicaSet set = MakeSet(4);
  set.mutable_spec()->set_min_ready_seconds(30);
  const std::vector<PodPtr> pods = {
      MakePod("a", [](Pod& p) { (*p.mutable_metadata()->mutable_labels())["app"] = "web"; }),
      ReadyFor("b", absl::Seconds(10)), MakePod("c", MakeUnready), MakePod("d", Delete),
      MakePod("e", Finish)};
  const auto status = ReplicaSetStatusOf(set, pods, "", "", kNow);
  EXPECT_EQ(status.replicas(), 3);
  EXPECT_EQ(status.fully_labeled_replicas(), 1);
  EXPECT_EQ(status.ready_replicas(), 2);
  EXPECT_EQ(status.available_replicas(), 1);
  EXPECT_EQ(status.terminating_replicas(), 1);
  EXPECT_EQ(status.observed_generation(), 3);
  EXPECT_EQ(NextAvailability(set, pods, kNow), kNow + absl::Seconds(20));
}

TEST(ReplicaSetStatusOf, ReportsAFailureUntilItIsOver) {
  ReplicaSet set = MakeSet(1);
  *set.mutable_status() = ReplicaSetStatusOf(set, {}, "FailedCreate", "no room", kNow);
  ASSERT_EQ(set.status().conditions_size(), 1);
  EXPECT_EQ(set.status().conditions(0).message(), "no room");
  EXPECT_EQ(ReplicaSetStatusOf(set, {}, "", "", kNow).conditions_size(), 0);
}

TEST(PodFromTemplate, CarriesTheTemplateAndItsOwner) {
  ReplicaSet set = MakeSet(1);
  set.mutable_metadata()->set_namespace_("default");
  set.mutable_metadata()->set_uid("rs-uid");
  const Pod pod = PodFromTemplate(set);
  EXPECT_EQ(pod.metadata().generate_name(), "web-abc-");
  EXPECT_EQ(pod.metadata().namespace_(), "default");
  EXPECT_EQ(pod.metadata().labels().at("app"), "web");
  ASSERT_EQ(pod.metadata().owner_references_size(), 1);
  const auto& owner = pod.metadata().owner_references(0);
  EXPECT_EQ(owner.api_version(), "apps/v1");
  EXPECT_EQ(owner.kind(), "ReplicaSet");
  EXPECT_EQ(owner.uid(), "rs-uid");
  EXPECT_TRUE(owner.controller());
  EXPECT_TRUE(owner.block_owner_deletion());
}

TEST(SlowStart, DoublesBatches) {
  EXPECT_THAT(SlowStartBatches(0), IsEmpty());
  EXPECT_THAT(SlowStartBatches(1), ElementsAre(1));
  EXPECT_THAT(SlowStartBatches(10), ElementsAre(1, 2, 4, 3));
}

}  // namespace
}  // namespace berth::controlplane
