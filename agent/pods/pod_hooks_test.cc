// SPDX-License-Identifier: Apache-2.0
// Lifecycle hooks: what they hold up, and what they do not.
#include "agent/pods/worker_fixture.h"

namespace berth::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PodHooksTest : public WorkerTest {
 protected:
  static std::shared_ptr<Pod> WithHook(const std::string& lifecycle, const std::string& more = "") {
    auto pod = std::make_shared<Pod>();
    std::string json = base::StrCat(
        "{'metadata':{'namespace':'default','name':'web','uid':'uid-web'},'spec':{'restartPolicy':"
        "'Always','terminationGracePeriodSeconds':30,'containers':[{'name':'app','image':'busybox',"
        "'lifecycle':{",
        lifecycle, "}}", more, "]}}");
    std::replace(json.begin(), json.end(), '\'', '"');
    const absl::Status status = api::DecodeJson(json, *pod);
    EXPECT_TRUE(status.ok()) << status;
    return pod;
  }
  std::shared_ptr<Pod> Ended(std::shared_ptr<Pod> pod, int64_t grace) {
    auto out = std::make_shared<Pod>(*pod);
    *out->mutable_status() = StatusOf();
    out->mutable_metadata()->mutable_deletion_timestamp()->set_seconds(
        absl::ToUnixSeconds(clock_.Now()) + grace);
    out->mutable_metadata()->set_deletion_grace_period_seconds(grace);
    return out;
  }
  // Runs `during` while the hook's command runs.
  void DuringExec(std::function<void()> during, int exit_code = 0) {
    runtime_.SetExec([=](const cri::v1::ExecSyncRequest&, cri::v1::ExecSyncResponse& out) {
      during();
      out.set_exit_code(exit_code);
      return absl::OkStatus();
    });
  }
};

constexpr char kExec[] = "'postStart':{'exec':{'command':['set','up']}}";

TEST_F(PodHooksTest, UntilPostStartEndsTheContainerIsNotRunning) {
  bool looked = false;
  DuringExec([&] {
    looked = true;
    executor_.RunAll();
    const auto status = StatusOf().container_statuses(0);
    EXPECT_EQ(status.state().waiting().reason(), "ContainerCreating");
    EXPECT_FALSE(status.ready());
    EXPECT_FALSE(status.started());
    EXPECT_EQ(StatusOf().phase(), "Pending");
  });
  Run(WithHook(kExec));
  EXPECT_TRUE(looked);
  EXPECT_TRUE(StatusOf().container_statuses(0).state().has_running());
  EXPECT_TRUE(StatusOf().container_statuses(0).ready());
}

TEST_F(PodHooksTest, TheNextContainerWaitsForTheHookOfTheFirst) {
  DuringExec([&] {
    executor_.RunAll();
    EXPECT_EQ(runtime_.FindContainer("second"), "");
  });
  Run(WithHook(kExec, ",{'name':'second','image':'busybox'}"));
  EXPECT_NE(runtime_.FindContainer("second"), "");
  EXPECT_EQ(StatusOf().phase(), "Running");
}

TEST_F(PodHooksTest, PostStartDoesNotHoldUpTheEnd) {
  const auto pod = WithHook(kExec);
  DuringExec([&] {
    executor_.RunAll();
    set_->Deliver(Ended(pod, 30));
    executor_.RunAll();
    EXPECT_THAT(runtime_.Calls(), Contains("StopContainer app 30"));
  });
  Run(pod);
  EXPECT_EQ(api_.log.back(), "delete web");
}

TEST_F(PodHooksTest, AFailedPostStartEndsTheContainerAndItComesBack) {
  DuringExec([] {}, 1);
  Run(WithHook(kExec));
  EXPECT_THAT(event_log_, Contains("FailedPostStartHook PostStartHook failed"));
  EXPECT_THAT(event_log_, Contains("Killing FailedPostStartHook"));
  const auto status = StatusOf().container_statuses(0);
  EXPECT_EQ(status.state().waiting().reason(), "CrashLoopBackOff");
  EXPECT_GE(status.restart_count(), 1);
}

TEST_F(PodHooksTest, APostStartThatSleepsTakesTheClocksTime) {
  Run(WithHook("'postStart':{'sleep':{'seconds':20}}"));
  EXPECT_EQ(StatusOf().container_statuses(0).state().waiting().reason(), "ContainerCreating");
  Advance(absl::Seconds(19));
  EXPECT_FALSE(StatusOf().container_statuses(0).state().has_running());
  Advance(absl::Seconds(1));
  EXPECT_TRUE(StatusOf().container_statuses(0).state().has_running());
}

TEST_F(PodHooksTest, APreStopThatSleepsComesOutOfTheGrace) {
  const auto pod = WithHook("'preStop':{'sleep':{'seconds':20}}");
  Run(pod);
  set_->Deliver(Ended(pod, 30));
  Settle();
  EXPECT_THAT(runtime_.Calls(), Not(Contains(HasSubstr("StopContainer"))));
  Advance(absl::Seconds(20));
  EXPECT_THAT(runtime_.Calls(), Contains("StopContainer app 10"));
}

TEST_F(PodHooksTest, ASleepIsNoLongerThanTheGrace) {
  const auto pod = WithHook("'preStop':{'sleep':{'seconds':60}}");
  Run(pod);
  set_->Deliver(Ended(pod, 5));
  Settle();
  Advance(absl::Seconds(5));
  EXPECT_THAT(runtime_.Calls(), Contains("StopContainer app 2"));
}

TEST_F(PodHooksTest, HooksByHttpGoToThePod) {
  const auto pod = WithHook(
      "'postStart':{'httpGet':{'port':8080,'path':'/up'}},"
      "'preStop':{'httpGet':{'port':8080,'path':'/down','host':'192.0.2.1'}}");
  Run(pod);
  EXPECT_THAT(http_calls_, ElementsAre("10.0.0.1:8080/up"));
  set_->Deliver(Ended(pod, 30));
  Settle();
  EXPECT_THAT(http_calls_, ElementsAre("10.0.0.1:8080/up", "192.0.2.1:8080/down"));
}

TEST_F(PodHooksTest, APreStopByHttpThatFailsIsToldAndStopsNothing) {
  const auto pod = WithHook("'preStop':{'httpGet':{'port':8080,'path':'/down'}}");
  Run(pod);
  http_status_ = 500;
  set_->Deliver(Ended(pod, 30));
  Settle();
  EXPECT_THAT(event_log_, Contains("FailedPreStopHook PreStopHook failed"));
  EXPECT_THAT(runtime_.Calls(), Contains("StopContainer app 30"));
}

}  // namespace
}  // namespace berth::agent
