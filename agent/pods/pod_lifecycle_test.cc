// SPDX-License-Identifier: Apache-2.0
// Pods over restarts of the daemon, under probes, deadlines, rejection and lost sandboxes.
#include <fstream>

#include "agent/pods/worker_fixture.h"

namespace berth::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_F(WorkerTest, ARestartOfTheDaemonTouchesNothing) {
  Run(MakePod());
  runtime_.Exit(runtime_.FindContainer("app"), 1);
  Settle();
  const std::string container = runtime_.FindContainer("app");
  auto pod = MakePod();
  *pod->mutable_status() = StatusOf();
  Restart();
  runtime_.ClearCalls();
  api_.log.clear();
  Run(pod);
  EXPECT_EQ(runtime_.FindContainer("app"), container);
  EXPECT_THAT(runtime_.Calls(), Not(Contains(HasSubstr("Container app"))));
  EXPECT_THAT(api_.log, IsEmpty());
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 1);
}

TEST_F(WorkerTest, ReadinessHoldsOverARestartOfTheDaemon) {
  auto pod = MakePod();
  auto* probe = pod->mutable_spec()->mutable_containers(0)->mutable_readiness_probe();
  probe->mutable_handler()->mutable_http_get()->mutable_port()->set_int_val(80);
  probe->set_period_seconds(10);
  Run(pod);
  EXPECT_TRUE(StatusOf().container_statuses(0).ready());
  EXPECT_THAT(http_calls_, Contains("10.0.0.1:80/"));
  auto again = std::make_shared<Pod>(*pod);
  *again->mutable_status() = StatusOf();
  Restart();
  http_status_ = 500;
  set_->SourceReady();
  set_->Deliver(again);
  Settle();
  // One failure is not three.
  EXPECT_TRUE(StatusOf().container_statuses(0).ready());
  Advance(absl::Seconds(10));
  Advance(absl::Seconds(10));
  Advance(absl::Seconds(10));
  EXPECT_FALSE(StatusOf().container_statuses(0).ready());
}

TEST_F(WorkerTest, AFailingLivenessProbeRestartsTheContainer) {
  auto pod = MakePod();
  auto* probe = pod->mutable_spec()->mutable_containers(0)->mutable_liveness_probe();
  probe->mutable_handler()->mutable_exec()->add_command("check");
  probe->set_period_seconds(5);
  probe->set_failure_threshold(2);
  Run(pod);
  runtime_.SetExec([](const cri::v1::ExecSyncRequest&, cri::v1::ExecSyncResponse& out) {
    out.set_exit_code(1);
    return absl::OkStatus();
  });
  Advance(absl::Seconds(5));
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 0);
  Advance(absl::Seconds(5));
  EXPECT_THAT(event_log_, Contains("Killing Container app failed liveness probe, will be "
                                   "restarted"));
  EXPECT_EQ(runtime_.running(), 1u);
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 1);
}

TEST_F(WorkerTest, AStartupProbeHoldsTheOthersBack) {
  auto pod = MakePod();
  auto& container = *pod->mutable_spec()->mutable_containers(0);
  container.mutable_startup_probe()->mutable_handler()->mutable_exec()->add_command("up");
  container.mutable_startup_probe()->set_period_seconds(1);
  container.mutable_startup_probe()->set_failure_threshold(30);
  container.mutable_liveness_probe()->mutable_handler()->mutable_exec()->add_command("alive");
  int up = 1;
  runtime_.SetExec([&](const cri::v1::ExecSyncRequest& request, cri::v1::ExecSyncResponse& out) {
    out.set_exit_code(request.cmd(0) == "up" ? up : 0);
    return absl::OkStatus();
  });
  Run(pod);
  Advance(absl::Seconds(1));
  EXPECT_FALSE(StatusOf().container_statuses(0).started());
  EXPECT_THAT(runtime_.Calls(), Not(Contains("ExecSync alive")));
  up = 0;
  Advance(absl::Seconds(1));
  EXPECT_TRUE(StatusOf().container_statuses(0).started());
  EXPECT_TRUE(StatusOf().container_statuses(0).ready());
  EXPECT_THAT(runtime_.Calls(), Contains("ExecSync alive"));
}

TEST_F(WorkerTest, AJobEndsAndItsSandboxStops) {
  auto pod = MakePod();
  pod->mutable_spec()->set_restart_policy("Never");
  Run(pod);
  runtime_.Exit(runtime_.FindContainer("app"), 0);
  Settle();
  EXPECT_EQ(StatusOf().phase(), "Succeeded");
  EXPECT_THAT(runtime_.Calls(), Contains("StopPodSandbox"));
  EXPECT_EQ(runtime_.containers(), 1u);  // its logs can be read
  EXPECT_THAT(api_.deleted, IsEmpty());
}

TEST_F(WorkerTest, ADeadlineEndsThePod) {
  auto pod = MakePod();
  pod->mutable_spec()->set_active_deadline_seconds(60);
  pod->mutable_status()->mutable_start_time()->set_seconds(absl::ToUnixSeconds(clock_.Now()));
  Run(pod);
  EXPECT_EQ(StatusOf().phase(), "Running");
  Advance(absl::Seconds(60));
  EXPECT_EQ(StatusOf().phase(), "Failed");
  EXPECT_EQ(StatusOf().reason(), "DeadlineExceeded");
  EXPECT_EQ(runtime_.running(), 0u);
}

TEST_F(WorkerTest, ANodeWithoutRoomRejects) {
  (*node_->mutable_status()->mutable_allocatable())["cpu"].set_string("1");
  auto pod = MakePod();
  auto& requests =
      *pod->mutable_spec()->mutable_containers(0)->mutable_resources()->mutable_requests();
  requests["cpu"].set_string("1500m");
  Run(pod);
  EXPECT_EQ(StatusOf().phase(), "Failed");
  EXPECT_EQ(StatusOf().reason(), "OutOfcpu");
  EXPECT_EQ(StatusOf().message(),
            "Pod was rejected: Node didn't have enough resource: cpu, requested: 1500, used: 0, "
            "capacity: 1000");
  EXPECT_EQ(runtime_.sandboxes(), 0u);
}

TEST_F(WorkerTest, PodsThatNobodyWantsAreEnded) {
  Run(MakePod());
  Restart();
  set_->SourceReady();
  Settle();
  set_->Reconcile({{"uid-web", RuntimePod{"default", "web", {}}}});
  Settle();
  EXPECT_EQ(runtime_.sandboxes(), 0u);
  EXPECT_EQ(set_->Find("uid-web"), nullptr);
  EXPECT_THAT(api_.deleted, IsEmpty());
}

// One that was deleted with force while the daemon was dead, say.
TEST_F(WorkerTest, LogsOfAPodThatIsNowhereAreRemoved) {
  Run(MakePod());
  const std::string lost = options_.pod_logs_dir + "/default_lost_uid-lost/app";
  const std::string foreign = options_.pod_logs_dir + "/somebody-elses";
  std::filesystem::create_directories(lost);
  std::filesystem::create_directories(foreign);
  set_->Reconcile({{"uid-web", RuntimePod{"default", "web", {}}}});
  EXPECT_FALSE(std::filesystem::exists(options_.pod_logs_dir + "/default_lost_uid-lost"));
  EXPECT_TRUE(std::filesystem::exists(options_.pod_logs_dir + "/default_web_uid-web"));
  EXPECT_TRUE(std::filesystem::exists(foreign));
}

TEST_F(WorkerTest, NothingIsAnOrphanBeforeTheSourceHasSpoken) {
  Run(MakePod());
  Restart();
  set_->Reconcile({{"uid-web", RuntimePod{"default", "web", {}}}});
  Settle();
  EXPECT_EQ(runtime_.running(), 1u);
}

TEST_F(WorkerTest, AShorterGraceCutsAStopThatIsUnderWay) {
  Run(MakePod());
  bool first = true;
  runtime_.SetHook("StopContainer", [&](const google::protobuf::Message&) -> absl::Status {
    if (!std::exchange(first, false)) return absl::OkStatus();
    set_->Deliver(Deleted(1));
    executor_.RunAll();
    return absl::OkStatus();
  });
  set_->Deliver(Deleted(30));
  Settle();
  EXPECT_THAT(runtime_.Calls(), Contains("StopContainer app 30"));
  EXPECT_THAT(runtime_.Calls(), Contains("StopContainer app 2"));
}

TEST_F(WorkerTest, AnUnknownRuntimeClassMakesNoSandbox) {
  auto pod = MakePod();
  pod->mutable_spec()->set_runtime_class_name("gone");
  Run(pod);
  EXPECT_EQ(runtime_.sandboxes(), 0u);
  EXPECT_THAT(event_log_, Contains("FailedCreatePodSandBox Failed to create pod sandbox: "
                                   "runtimeclass.node.k8s.io \"gone\" not found"));
}

TEST_F(WorkerTest, SidecarsStopAfterTheAppsWithWhatIsLeftOfTheGrace) {
  auto pod = MakePod();
  auto* sidecar = pod->mutable_spec()->add_init_containers();
  sidecar->set_name("proxy");
  sidecar->set_image("busybox");
  sidecar->set_restart_policy("Always");
  Run(pod);
  ASSERT_EQ(runtime_.running(), 2u);
  runtime_.SetHook("StopContainer", [&](const google::protobuf::Message&) {
    clock_.Advance(absl::Seconds(10));
    return absl::OkStatus();
  });
  auto deleted = Deleted(30);
  *deleted->mutable_spec() = pod->spec();
  set_->Deliver(deleted);
  Settle();
  const auto calls = runtime_.Calls();
  const auto app = std::find(calls.begin(), calls.end(), "StopContainer app 30");
  ASSERT_NE(app, calls.end());
  EXPECT_NE(std::find(app, calls.end(), "StopContainer proxy 20"), calls.end());
}

TEST_F(WorkerTest, ALostSandboxIsMadeAgainWithTheNextAttempt) {
  Run(MakePod());
  runtime_.KillSandbox(runtime_.FindSandbox("uid-web"));
  Settle();
  Advance(absl::Seconds(15));
  EXPECT_EQ(runtime_.running(), 1u);
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 1);
  EXPECT_EQ(StatusOf().pod_ip(), "10.0.0.2");
}

TEST_F(WorkerTest, AnEphemeralContainerJoinsItsTargetAndIsNeverRestarted) {
  Run(MakePod());
  auto pod = MakePod();
  *pod->mutable_status() = StatusOf();
  auto* debugger = pod->mutable_spec()->add_ephemeral_containers();
  debugger->mutable_ephemeral_container_common()->set_name("debugger");
  debugger->mutable_ephemeral_container_common()->set_image("tools");
  debugger->set_target_container_name("app");
  set_->Deliver(pod);
  Settle();
  EXPECT_EQ(runtime_.running(), 2u);
  const std::string config = runtime_.ContainerConfigText(runtime_.FindContainer("debugger"));
  EXPECT_THAT(config, HasSubstr("pid: TARGET"));
  EXPECT_THAT(config,
              HasSubstr(base::StrCat("target_id: \"", runtime_.FindContainer("app"), "\"")));
  ASSERT_EQ(StatusOf().ephemeral_container_statuses_size(), 1);
  EXPECT_TRUE(StatusOf().ephemeral_container_statuses(0).state().has_running());
  EXPECT_FALSE(StatusOf().ephemeral_container_statuses(0).ready());

  runtime_.Exit(runtime_.FindContainer("debugger"), 3);
  Settle();
  Advance(absl::Minutes(10));
  EXPECT_EQ(runtime_.running(), 1u);
  const auto ended = StatusOf().ephemeral_container_statuses(0);
  EXPECT_EQ(ended.state().terminated().exit_code(), 3);
  EXPECT_EQ(ended.restart_count(), 0);
  EXPECT_EQ(StatusOf().phase(), "Running");
}

TEST_F(WorkerTest, AnEphemeralContainerWaitsForItsTarget) {
  auto pod = MakePod();
  images_.bad = true;
  Run(pod);
  images_.bad = false;
  auto next = MakePod();
  auto* debugger = next->mutable_spec()->add_ephemeral_containers();
  debugger->mutable_ephemeral_container_common()->set_name("debugger");
  debugger->set_target_container_name("app");
  set_->Deliver(next);
  Settle();
  EXPECT_EQ(StatusOf().ephemeral_container_statuses(0).state().waiting().reason(),
            "CreateContainerConfigError");
  EXPECT_EQ(StatusOf().ephemeral_container_statuses(0).state().waiting().message(),
            "unable to find target container app");
  Advance(absl::Minutes(1));
  EXPECT_TRUE(StatusOf().ephemeral_container_statuses(0).state().has_running());
}

TEST_F(WorkerTest, AProbeThatGoesWrongItselfIsTriedAgainAtOnce) {
  auto pod = MakePod();
  auto* probe = pod->mutable_spec()->mutable_containers(0)->mutable_readiness_probe();
  probe->mutable_handler()->mutable_exec()->add_command("check");
  probe->set_period_seconds(10);
  runtime_.FailNext("ExecSync", base::Unavailable("the shim does not answer"), 2);
  Run(pod);
  EXPECT_TRUE(StatusOf().container_statuses(0).ready());
}

TEST_F(WorkerTest, ANameThatIsTooLongForTheKernelMakesNoSandbox) {
  auto pod = MakePod();
  pod->mutable_spec()->set_hostname(std::string(50, 'h'));
  pod->mutable_spec()->set_subdomain("sub");
  pod->mutable_spec()->set_set_hostname_as_fqdn(true);
  Run(pod);
  EXPECT_EQ(runtime_.sandboxes(), 0u);
  EXPECT_THAT(event_log_, Contains(HasSubstr("is too long (64 characters is the max, 80 "
                                             "characters requested)")));
}

TEST_F(WorkerTest, ARuntimeThatForgotEverythingDoesNotResetTheCount) {
  const std::string logs = options_.pod_logs_dir + "/default_web_uid-web/app";
  std::filesystem::create_directories(logs);
  for (const char* name : {"1.log", "2.log", "2.log.20260102-150405.gz", "x.log", "9.txt"}) {
    std::ofstream(logs + "/" + name) << "x";
  }
  Run(MakePod());
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 3);
  EXPECT_THAT(runtime_.ContainerConfigText(runtime_.FindContainer("app")),
              HasSubstr("log_path: \"app/3.log\""));
  runtime_.Exit(runtime_.FindContainer("app"), 1);
  Settle();
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 4);
}

TEST_F(WorkerTest, AProbeThatIsLedElsewhereSucceedsWithAWarning) {
  auto pod = MakePod();
  auto* probe = pod->mutable_spec()->mutable_containers(0)->mutable_readiness_probe();
  probe->mutable_handler()->mutable_http_get()->mutable_port()->set_int_val(80);
  probe->set_period_seconds(10);
  http_status_ = 302;
  http_body_ = "over there";
  Run(pod);
  EXPECT_TRUE(StatusOf().container_statuses(0).ready());
  EXPECT_THAT(event_log_,
              Contains("ProbeWarning Probe terminated redirects, Response body: over there"));
}

TEST_F(WorkerTest, AfterARestartOfTheDaemonProbesBeginWithinTheirPeriod) {
  auto pod = MakePod();
  auto* probe = pod->mutable_spec()->mutable_containers(0)->mutable_readiness_probe();
  probe->mutable_handler()->mutable_http_get()->mutable_port()->set_int_val(80);
  probe->set_period_seconds(1000);
  Run(pod);
  auto again = std::make_shared<Pod>(*pod);
  *again->mutable_status() = StatusOf();
  http_calls_.clear();
  clock_.Advance(absl::Seconds(1));
  Restart();
  Run(again);
  EXPECT_THAT(http_calls_, IsEmpty());
  EXPECT_TRUE(StatusOf().container_statuses(0).ready());
  for (int i = 0; i < 100; ++i) Advance(absl::Seconds(10));
  EXPECT_THAT(http_calls_, Not(IsEmpty()));
}

}  // namespace
}  // namespace berth::agent
