// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/job_plan.h"

#include "api/proto/batch/v1/batch.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "controlplane/controllers/job_indexes.h"
#include "controlplane/controllers/pod_state.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace berth::controlplane {
namespace {

using api::batch::v1::Job;
using api::batch::v1::JobStatus;
using api::core::v1::Pod;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Time kStart = absl::FromUnixSeconds(1000000);

// A Job with the world around it: a kubelet that obeys, and a controller that carries plans out.
class JobPlanTest : public testing::Test {
 protected:
  JobPlanTest() {
    job_.mutable_metadata()->set_name("work");
    job_.mutable_spec()->set_parallelism(1);
    job_.mutable_spec()->set_completions(1);
    job_.mutable_spec()->set_backoff_limit(6);
    job_.mutable_spec()->mutable_template_()->mutable_spec()->set_restart_policy("Never");
    job_.mutable_spec()->mutable_template_()->mutable_spec()->add_containers()->set_name("c");
  }

  std::vector<PodPtr> Snapshot() const {
    std::vector<PodPtr> out;
    for (const auto& pod : pods_) out.push_back(std::make_shared<Pod>(pod));
    return out;
  }

  // One pass, with everything that it asks for.
  JobPlan Step() {
    JobStatus status;
    const JobPlan plan = PlanJob({job_, Snapshot(), now_}, status);
    *job_.mutable_status() = status;
    for (const PodPtr& pod : plan.release) {
      Find(pod->metadata().name())->mutable_metadata()->clear_finalizers();
    }
    for (const PodPtr& pod : plan.remove) Remove(pod->metadata().name());
    for (int i = 0; i < plan.create; ++i) {
      Pod pod = MakeJobPod(job_, IsIndexed(job_) ? std::optional(plan.indexes[i]) : std::nullopt);
      pod.mutable_metadata()->set_name("p" + std::to_string(++made_));
      pod.mutable_metadata()->set_uid(pod.metadata().name());
      pod.mutable_status()->set_phase("Running");
      pods_.push_back(pod);
    }
    for (const JobEvent& event : plan.events) events_.push_back(event.reason);
    return plan;
  }
  void Steps(int count = 6) {
    for (int i = 0; i < count; ++i) Step();
  }

  Pod* Find(const std::string& name) {
    for (Pod& pod : pods_) {
      if (pod.metadata().name() == name) return &pod;
    }
    return nullptr;
  }
  void Remove(const std::string& name) {
    std::erase_if(pods_, [&](const Pod& pod) { return pod.metadata().name() == name; });
  }
  void End(const std::string& name, const std::string& phase) {
    Pod& pod = *Find(name);
    pod.mutable_status()->set_phase(phase);
    auto& container = *pod.mutable_status()->add_container_statuses();
    SetTime(now_, *container.mutable_state()->mutable_terminated()->mutable_finished_at());
  }
  int Running() const {
    return static_cast<int>(
        std::count_if(pods_.begin(), pods_.end(), [](const Pod& pod) { return IsActive(pod); }));
  }
  std::string Outcome() const {
    for (const auto& condition : job_.status().conditions()) {
      const bool end = condition.type() == "Complete" || condition.type() == "Failed";
      if (end && condition.status() == "True") return condition.type() + "/" + condition.reason();
    }
    return "";
  }

  Job job_;
  std::vector<Pod> pods_;
  std::vector<std::string> events_;
  absl::Time now_ = kStart;
  int made_ = 0;
};

TEST_F(JobPlanTest, RunsAPodToItsEnd) {
  Steps();
  ASSERT_EQ(Running(), 1);
  EXPECT_TRUE(HasJobFinalizer(pods_[0]));
  EXPECT_EQ(ToTime(job_.status().start_time()), kStart);
  EXPECT_EQ(job_.status().active(), 1);
  now_ += absl::Seconds(5);
  End("p1", "Succeeded");
  Step();
  EXPECT_EQ(job_.status().succeeded(), 0);  // noted, not yet counted
  EXPECT_THAT(job_.status().uncounted_terminated_pods().succeeded(), ElementsAre("p1"));
  EXPECT_EQ(Outcome(), "");
  Steps();
  EXPECT_EQ(job_.status().succeeded(), 1);
  EXPECT_EQ(Outcome(), "Complete/CompletionsReached");
  EXPECT_EQ(ToTime(job_.status().completion_time()), now_);
  EXPECT_THAT(events_, ElementsAre("Completed"));
  EXPECT_EQ(made_, 1);
}

TEST_F(JobPlanTest, RunsAsManyAtOnceAsItMayAndNoMoreThanItNeeds) {
  job_.mutable_spec()->set_parallelism(3);
  job_.mutable_spec()->set_completions(4);
  Steps();
  EXPECT_EQ(Running(), 3);
  End("p1", "Succeeded");
  Steps();
  EXPECT_EQ(Running(), 3);  // the fourth
  End("p2", "Succeeded");
  End("p3", "Succeeded");
  Steps();
  EXPECT_EQ(Running(), 1);
  EXPECT_EQ(made_, 4);
  End("p4", "Succeeded");
  Steps();
  EXPECT_EQ(Outcome(), "Complete/CompletionsReached");
  EXPECT_EQ(job_.status().succeeded(), 4);
}

TEST_F(JobPlanTest, WithoutCompletionsTheFirstSuccessEndsIt) {
  job_.mutable_spec()->set_parallelism(2);
  job_.mutable_spec()->clear_completions();
  Steps();
  EXPECT_EQ(Running(), 2);
  End("p1", "Succeeded");
  Steps();
  EXPECT_EQ(Outcome(), "");
  EXPECT_EQ(Running(), 1);
  End("p2", "Succeeded");
  Steps();
  EXPECT_EQ(Outcome(), "Complete/CompletionsReached");
}

TEST_F(JobPlanTest, FailuresAreTriedAgainMoreAndMoreSlowly) {
  Steps();
  End("p1", "Failed");
  EXPECT_EQ(Step().create, 0);
  EXPECT_EQ(Step().again, absl::Seconds(10));
  now_ += absl::Seconds(10);
  Step();
  ASSERT_EQ(made_, 2);
  End("p2", "Failed");
  Step();
  EXPECT_EQ(Step().again, absl::Seconds(20));
  EXPECT_EQ(job_.status().failed(), 2);
}

TEST_F(JobPlanTest, FailsBeyondItsLimit) {
  job_.mutable_spec()->set_backoff_limit(1);
  job_.mutable_spec()->set_parallelism(2);
  job_.mutable_spec()->set_completions(2);
  Steps();
  End("p1", "Failed");
  Steps();
  EXPECT_EQ(Outcome(), "");
  End("p2", "Failed");
  Steps();
  EXPECT_EQ(Outcome(), "Failed/BackoffLimitExceeded");
  EXPECT_EQ(job_.status().failed(), 2);
  EXPECT_THAT(events_, ElementsAre("BackoffLimitExceeded"));
  EXPECT_EQ(Running(), 0);
}

TEST_F(JobPlanTest, ADeletedPodCountsAsFailedOnce) {
  Steps();
  SetTime(now_, *pods_[0].mutable_metadata()->mutable_deletion_timestamp());
  Steps();
  EXPECT_EQ(job_.status().failed(), 1);
  Remove("p1");
  Steps();
  EXPECT_EQ(job_.status().failed(), 1);
  EXPECT_EQ(Running(), 1);
}

TEST_F(JobPlanTest, EndsAtItsDeadline) {
  job_.mutable_spec()->set_active_deadline_seconds(30);
  EXPECT_EQ(Step().again, absl::Seconds(30));
  now_ += absl::Seconds(31);
  Steps();
  EXPECT_EQ(Outcome(), "Failed/DeadlineExceeded");
  EXPECT_EQ(Running(), 0);
}

TEST_F(JobPlanTest, ASuspendedJobRunsNothingAndStartsAnew) {
  Steps();
  job_.mutable_spec()->set_suspend(true);
  Steps();
  EXPECT_EQ(Running(), 0);
  EXPECT_FALSE(job_.status().has_start_time());
  EXPECT_EQ(job_.status().failed(), 0);
  now_ += absl::Minutes(1);
  job_.mutable_spec()->set_suspend(false);
  Steps();
  EXPECT_EQ(Running(), 1);
  EXPECT_EQ(ToTime(job_.status().start_time()), now_);
  EXPECT_THAT(events_, ElementsAre("Suspended", "Resumed"));
}

TEST_F(JobPlanTest, AnIndexedJobNeedsASuccessOfEachIndex) {
  job_.mutable_spec()->set_completion_mode("Indexed");
  job_.mutable_spec()->set_parallelism(2);
  job_.mutable_spec()->set_completions(3);
  Steps();
  EXPECT_EQ(pods_[0].metadata().annotations().at(std::string(kJobIndex)), "0");
  EXPECT_EQ(pods_[1].spec().hostname(), "work-1");
  EXPECT_EQ(pods_[0].spec().containers(0).env(0).name(), "JOB_COMPLETION_INDEX");
  End("p2", "Succeeded");
  Steps();
  EXPECT_EQ(job_.status().completed_indexes(), "1");
  End("p1", "Failed");
  now_ += absl::Minutes(1);
  Steps();
  std::vector<std::string> running;
  for (const Pod& pod : pods_) {
    if (IsActive(pod)) running.push_back(pod.metadata().annotations().at(std::string(kJobIndex)));
  }
  EXPECT_THAT(running, testing::UnorderedElementsAre("0", "2"));
  End("p3", "Succeeded");
  End("p4", "Succeeded");
  Steps();
  EXPECT_EQ(job_.status().completed_indexes(), "0-2");
  EXPECT_EQ(Outcome(), "Complete/CompletionsReached");
}

TEST_F(JobPlanTest, AFinishedJobGoesAfterItsTime) {
  job_.mutable_spec()->set_ttl_seconds_after_finished(60);
  Steps();
  End("p1", "Succeeded");
  Steps();
  EXPECT_EQ(Step().again, absl::Seconds(60));
  now_ += absl::Seconds(60);
  EXPECT_TRUE(Step().expired);
}

TEST(JobIndexes, AreReadAndWritten) {
  EXPECT_EQ(FormatIndexes(ParseIndexes("0-2,5,7-9,x,20", 10)), "0-2,5,7-9");
  EXPECT_EQ(FormatIndexes({3, 4}), "3,4");
  EXPECT_THAT(ParseIndexes("", 3), IsEmpty());
}

}  // namespace
}  // namespace berth::controlplane
