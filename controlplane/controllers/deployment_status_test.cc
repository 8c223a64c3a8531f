// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/deployment_status.h"

#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/core/v1/pod_spec.pb.h"
#include "controlplane/controllers/deployment_sets.h"
#include "controlplane/controllers/pod_state.h"
#include "controlplane/controllers/pod_template.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace berth::controlplane {
namespace {

using api::apps::v1::Deployment;
using api::apps::v1::DeploymentCondition;
using api::apps::v1::DeploymentStatus;
using api::apps::v1::ReplicaSet;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

class DeploymentStatusTest : public testing::Test {
 protected:
  DeploymentStatusTest() {
    deployment_.mutable_metadata()->set_name("web");
    deployment_.mutable_metadata()->set_generation(2);
    deployment_.mutable_spec()->set_replicas(4);
    deployment_.mutable_spec()->set_progress_deadline_seconds(60);
    set_.mutable_metadata()->set_name("web-abc");
  }

  const DeploymentCondition* Look(CurrentSetEvent event = CurrentSetEvent::kFound,
                                  bool rolling = true) {
    const RolloutSets sets{&set_, {}};
    *deployment_.mutable_status() =
        DeploymentStatusOf({deployment_, sets, rolling, event, "web-abc", "no quota", now_});
    return Find("Progressing");
  }
  const DeploymentCondition* Find(std::string_view type) {
    for (const auto& condition : deployment_.status().conditions()) {
      if (condition.type() == type) return &condition;
    }
    return nullptr;
  }
  void Report(int replicas, int available) {
    set_.mutable_status()->set_replicas(replicas);
    set_.mutable_status()->set_ready_replicas(available);
    set_.mutable_status()->set_available_replicas(available);
  }

  Deployment deployment_;
  ReplicaSet set_;
  absl::Time now_ = kNow;
};

TEST_F(DeploymentStatusTest, FollowsARolloutToItsEnd) {
  EXPECT_EQ(Look(CurrentSetEvent::kCreated)->reason(), "NewReplicaSetCreated");
  EXPECT_EQ(Find("Progressing")->message(), "Created new replica set \"web-abc\"");
  EXPECT_EQ(Find("Available")->reason(), "MinimumReplicasUnavailable");
  Report(4, 0);
  EXPECT_EQ(Look()->reason(), "ReplicaSetUpdated");
  EXPECT_EQ(deployment_.status().unavailable_replicas(), 4);
  Report(4, 3);
  now_ += absl::Seconds(50);
  EXPECT_EQ(Look()->reason(), "ReplicaSetUpdated");
  EXPECT_EQ(ToTime(Find("Progressing")->last_update_time()), now_);  // progress moves the deadline
  EXPECT_EQ(ToTime(Find("Progressing")->last_transition_time()), kNow);
  EXPECT_EQ(Find("Available")->status(), "True");
  Report(4, 4);
  EXPECT_EQ(Look()->reason(), "NewReplicaSetAvailable");
  EXPECT_EQ(Find("Progressing")->message(), "ReplicaSet \"web-abc\" has successfully progressed.");
  EXPECT_EQ(deployment_.status().observed_generation(), 2);
  Report(4, 1);  // a node that went away later is no failed rollout
  now_ += absl::Hours(1);
  EXPECT_EQ(Look()->reason(), "NewReplicaSetAvailable");
}

TEST_F(DeploymentStatusTest, TimesOutWithoutProgress) {
  Look(CurrentSetEvent::kCreated);
  Report(4, 0);
  Look();
  EXPECT_EQ(ProgressCheckAfter(deployment_, deployment_.status(), now_), absl::Seconds(61));
  now_ += absl::Seconds(60);
  EXPECT_EQ(Look()->reason(), "ReplicaSetUpdated");
  now_ += absl::Seconds(1);
  EXPECT_EQ(Look()->reason(), "ProgressDeadlineExceeded");
  EXPECT_EQ(Find("Progressing")->status(), "False");
  EXPECT_FALSE(ProgressCheckAfter(deployment_, deployment_.status(), now_).has_value());
}

TEST_F(DeploymentStatusTest, StopsTheClockWhilePaused) {
  Look(CurrentSetEvent::kCreated);
  deployment_.mutable_spec()->set_paused(true);
  EXPECT_EQ(Look(CurrentSetEvent::kFound, false)->reason(), "DeploymentPaused");
  EXPECT_EQ(Find("Progressing")->status(), "Unknown");
  deployment_.mutable_spec()->set_paused(false);
  EXPECT_EQ(Look()->reason(), "DeploymentResumed");
}

TEST_F(DeploymentStatusTest, HasNoProgressWithoutADeadline) {
  deployment_.mutable_spec()->clear_progress_deadline_seconds();
  EXPECT_EQ(Look(CurrentSetEvent::kCreated), nullptr);
}

TEST_F(DeploymentStatusTest, PassesOnWhyPodsCannotBeMade) {
  auto& failure = *set_.mutable_status()->add_conditions();
  failure.set_type("ReplicaFailure");
  failure.set_status("True");
  failure.set_reason("FailedCreate");
  Look();
  EXPECT_EQ(Find("ReplicaFailure")->reason(), "FailedCreate");
  set_.mutable_status()->clear_conditions();
  Look();
  EXPECT_EQ(Find("ReplicaFailure"), nullptr);
}

TEST(PodTemplate, HashesTheTemplateWithoutItsHash) {
  api::core::v1::PodTemplateSpec a;
  (*a.mutable_metadata()->mutable_labels())["app"] = "web";
  api::core::v1::PodTemplateSpec b = a;
  (*b.mutable_metadata()->mutable_labels())[std::string(kPodTemplateHash)] = "xyz";
  EXPECT_TRUE(SameTemplate(a, b));
  EXPECT_EQ(HashTemplate(a, 0), HashTemplate(b, 0));
  EXPECT_NE(HashTemplate(a, 0), HashTemplate(a, 1));
  (*b.mutable_metadata()->mutable_labels())["app"] = "db";
  EXPECT_FALSE(SameTemplate(a, b));
  EXPECT_THAT(HashTemplate(a, 0), testing::MatchesRegex("[bcdfghjklmnpqrstvwxz2456789]+"));
}

TEST(DeploymentSets, MakesAndRefreshesTheCurrentSet) {
  Deployment deployment;
  deployment.mutable_metadata()->set_name("web");
  deployment.mutable_metadata()->set_uid("web-uid");
  deployment.mutable_spec()->set_replicas(4);
  (*deployment.mutable_metadata()->mutable_annotations())["kubernetes.io/change-cause"] = "why";
  (*deployment.mutable_metadata()->mutable_annotations())[std::string(kRevisionAnnotation)] = "9";
  (*deployment.mutable_spec()->mutable_selector()->mutable_match_labels())["app"] = "web";
  ReplicaSet set = MakeReplicaSet(deployment, "abc", 1, 4);
  EXPECT_EQ(set.metadata().name(), "web-abc");
  EXPECT_EQ(set.spec().selector().match_labels().at("pod-template-hash"), "abc");
  EXPECT_EQ(set.spec().selector().match_labels().at("app"), "web");
  EXPECT_EQ(set.spec().template_().metadata().labels().at("pod-template-hash"), "abc");
  EXPECT_EQ(set.metadata().annotations().at("kubernetes.io/change-cause"), "why");
  EXPECT_EQ(RevisionOf(set.metadata()), 1);
  EXPECT_EQ(AnnotatedNumber(set, kDesiredReplicasAnnotation), 4);
  EXPECT_EQ(AnnotatedNumber(set, kMaxReplicasAnnotation), 5);
  EXPECT_FALSE(RefreshCurrentSet(deployment, 1, set));
  EXPECT_TRUE(RefreshCurrentSet(deployment, 3, set));  // an undo: it becomes revision 3
  EXPECT_EQ(RevisionOf(set.metadata()), 3);
  EXPECT_EQ(set.metadata().annotations().at(std::string(kRevisionHistoryAnnotation)), "1");
}

}  // namespace
}  // namespace berth::controlplane
