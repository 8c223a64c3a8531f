// SPDX-License-Identifier: Apache-2.0
// Pods through their whole life on a runtime that keeps its state in memory, with a clock and an
// executor that stand still until told otherwise.
#include "agent/pods/pod_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "agent/pods/pod_set.h"
#include "api/codec.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "cri/fake_runtime.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

using api::core::v1::Node;
using api::core::v1::Pod;
using api::core::v1::PodStatus;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class FakeVolumes : public PodVolumes {
 public:
  absl::StatusOr<MountedVolumes> SetUp(const Pod&, absl::Duration) override {
    if (!error.ok()) return error;
    return MountedVolumes{};
  }
  absl::Status TearDown(std::string_view uid) override {
    torn_down.emplace_back(uid);
    return absl::OkStatus();
  }
  absl::Status error;
  std::vector<std::string> torn_down;
};

class FakeImages : public ImagePuller {
 public:
  ImageResult EnsureImage(const Pod&, const api::core::v1::Container& container,
                          absl::Duration) override {
    if (bad) return {reason, "no such image", "", absl::Seconds(10)};
    return {"", "", base::StrCat("ref:", container.image()), {}};
  }
  bool bad = false;
  std::string reason = "ErrImagePull";
};

class NoObjects : public ObjectReader {
 public:
  absl::StatusOr<std::shared_ptr<const api::core::v1::ConfigMap>> GetConfigMap(
      std::string_view, std::string_view name) override {
    return base::NotFound("configmap \"", name, "\" not found");
  }
  absl::StatusOr<std::shared_ptr<const api::core::v1::Secret>> GetSecret(
      std::string_view, std::string_view name) override {
    return base::NotFound("secret \"", name, "\" not found");
  }
  std::vector<std::shared_ptr<const api::core::v1::Service>> ListServices(
      std::string_view) override {
    return {};
  }
};

// The API as far as the node writes to it: applies nothing, remembers all.
class FakeApi : public PodApi {
 public:
  absl::Status PatchStatus(const PodRef& pod, std::string_view patch) override {
    if (!error.ok()) return error;
    log.push_back(base::StrCat("patch ", pod.name));
    last_patch = std::string(patch);
    return absl::OkStatus();
  }
  absl::Status Delete(const PodRef& pod) override {
    log.push_back(base::StrCat("delete ", pod.name));
    deleted.push_back(pod.uid);
    return absl::OkStatus();
  }
  absl::Status error;
  std::vector<std::string> log;
  std::vector<std::string> deleted;
  std::string last_patch;
};

class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest() {
    char name[] = "/tmp/workerXXXXXX";
    dir_ = mkdtemp(name);
    options_.node_name = "n1";
    options_.node_ips = {"192.168.0.1"};
    options_.root_dir = dir_ + "/root";
    options_.pod_logs_dir = dir_ + "/logs";
    options_.container_logs_dir = dir_ + "/links";
    options_.resolv_conf = "";
    options_.cluster_dns = {"10.96.0.10"};
    events_ = runtime_.MakeEventSource();
    Restart();
  }
  ~WorkerTest() override {
    Stop();
    std::filesystem::remove_all(dir_);
  }

  // Everything that the daemon keeps in memory goes and comes back.
  void Restart() {
    Stop();
    files_ = std::make_unique<PodFiles>(PodFiles::Paths{
        options_.root_dir, options_.pod_logs_dir, options_.container_logs_dir, "cluster.local"});
    cgroups_ = std::make_unique<PodCgroups>(nullptr, PodCgroups::Options{});
    prober_ = std::make_unique<Prober>(
        runtime_, [this](const HttpCall& call, absl::Duration) -> absl::StatusOr<http::Response> {
          http_calls_.push_back(base::StrCat(call.host, ":", call.port, call.request.target));
          http::Response response;
          response.status = http_status_;
          return response;
        });
    probes_ = std::make_unique<ProbeRuns>(
        *prober_, executor_, clock_,
        ProbeRuns::Hooks{[this](const std::string& uid) { set_->Poke(uid, {}); },
                         [this](const Pod&, const std::string&, ProbeKind, const std::string& m) {
                           event_log_.push_back("Unhealthy " + m);
                         }});
    statuses_ = std::make_unique<StatusWriter>(
        api_, executor_, clock_, [this](const std::string& uid) { set_->StatusWritten(uid); });
    context_ = std::make_unique<WorkerContext>(WorkerContext{
        options_, clock_, executor_, runtime_, volumes_, images_, objects_, *cgroups_, *files_,
        *prober_, *probes_, *statuses_,
        [this](const std::string& uid, absl::Duration delay) { set_->Poke(uid, delay); },
        [this](const Pod&, std::string_view, std::string_view reason, std::string_view message,
               std::string_view) { event_log_.push_back(base::StrCat(reason, " ", message)); },
        [](const std::string&, const std::string&) {}, [] { return int64_t{1} << 30; },
        [](const std::string& name) -> absl::StatusOr<std::string> {
          if (name == "crun") return std::string("crun");
          return base::NotFound("runtimeclass.node.k8s.io \"", name, "\" not found");
        }});
    set_ = std::make_unique<PodSet>(*context_, executor_, [this] { return node_; });
    events_->Start([this](const cri::Event&) { set_->PokeAll(); });
  }
  void Stop() {
    if (set_ == nullptr) return;
    events_->Stop();
    set_->Stop();
    probes_->Stop();
    statuses_->Stop();
    executor_.RunAll();
    set_.reset();
  }

  void Settle() { executor_.RunAll(); }
  void Advance(absl::Duration by) {
    clock_.Advance(by);
    Settle();
  }

  static std::shared_ptr<Pod> MakePod(const std::string& name = "web") {
    auto pod = std::make_shared<Pod>();
    const absl::Status status = api::DecodeJson(
        base::StrCat(R"({"metadata":{"namespace":"default","name":")", name, R"(","uid":"uid-)",
                     name, R"("},"spec":{"restartPolicy":"Always",
            "terminationGracePeriodSeconds":30,"containers":[{"name":"app","image":"busybox",
            "terminationMessagePath":"/dev/termination-log"}]}})"),
        *pod);
    EXPECT_TRUE(status.ok()) << status;
    return pod;
  }
  void Run(std::shared_ptr<Pod> pod) {
    set_->SourceReady();
    set_->Deliver(std::move(pod));
    Settle();
  }
  PodStatus StatusOf(const std::string& name = "web") {
    const auto worker = set_->Find("uid-" + name);
    return worker == nullptr ? PodStatus() : worker->Report()->status();
  }
  std::shared_ptr<Pod> Deleted(int64_t grace, const std::string& name = "web") {
    auto pod = MakePod(name);
    *pod->mutable_status() = StatusOf(name);
    pod->mutable_metadata()->mutable_deletion_timestamp()->set_seconds(
        absl::ToUnixSeconds(clock_.Now()) + grace);
    pod->mutable_metadata()->set_deletion_grace_period_seconds(grace);
    return pod;
  }

  std::string dir_;
  base::FakeClock clock_;
  base::ManualExecutor executor_;
  cri::FakeRuntime runtime_{clock_};
  std::unique_ptr<cri::EventSource> events_;
  PodRuntimeOptions options_;
  FakeVolumes volumes_;
  FakeImages images_;
  NoObjects objects_;
  FakeApi api_;
  int http_status_ = 200;
  std::vector<std::string> http_calls_;
  std::vector<std::string> event_log_;
  std::shared_ptr<Node> node_ = std::make_shared<Node>();
  std::unique_ptr<PodFiles> files_;
  std::unique_ptr<PodCgroups> cgroups_;
  std::unique_ptr<Prober> prober_;
  std::unique_ptr<ProbeRuns> probes_;
  std::unique_ptr<StatusWriter> statuses_;
  std::unique_ptr<WorkerContext> context_;
  std::unique_ptr<PodSet> set_;
};

TEST_F(WorkerTest, APodRunsAndSaysSo) {
  Run(MakePod());
  EXPECT_EQ(runtime_.running(), 1u);
  EXPECT_EQ(StatusOf().phase(), "Running");
  EXPECT_TRUE(StatusOf().container_statuses(0).ready());
  EXPECT_EQ(StatusOf().pod_ip(), "10.0.0.1");
  EXPECT_THAT(api_.last_patch, HasSubstr("\"phase\":\"Running\""));
  EXPECT_THAT(event_log_, ElementsAre("Created Container created", "Started Container started"));
  EXPECT_THAT(runtime_.ContainerConfigText(runtime_.FindContainer("app")),
              HasSubstr("io.kubernetes.container.restartCount"));
}

TEST_F(WorkerTest, NothingMovesWhenNothingChanges) {
  Run(MakePod());
  const size_t patches = api_.log.size();
  for (int i = 0; i < 5; ++i) Advance(absl::Minutes(2));
  EXPECT_EQ(api_.log.size(), patches);
  EXPECT_EQ(runtime_.containers(), 1u);
}

TEST_F(WorkerTest, ACrashRestartsAtOnceThenBacksOff) {
  Run(MakePod());
  runtime_.Exit(runtime_.FindContainer("app"), 1);
  Settle();
  EXPECT_EQ(runtime_.running(), 1u);
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 1);
  runtime_.Exit(runtime_.FindContainer("app"), 1);
  Settle();
  EXPECT_EQ(runtime_.running(), 0u);
  const auto waiting = StatusOf().container_statuses(0).state().waiting();
  EXPECT_EQ(waiting.reason(), "CrashLoopBackOff");
  EXPECT_EQ(waiting.message(),
            "back-off 10s restarting failed container=app pod=web_default(uid-web)");
  EXPECT_EQ(StatusOf().phase(), "Running");
  Advance(absl::Seconds(9));
  EXPECT_EQ(runtime_.running(), 0u);
  Advance(absl::Seconds(1));
  EXPECT_EQ(runtime_.running(), 1u);
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 2);
}

TEST_F(WorkerTest, OneDeadInstanceIsKept) {
  Run(MakePod());
  for (int i = 0; i < 4; ++i) {
    runtime_.Exit(runtime_.FindContainer("app"), 1);
    Settle();
    Advance(absl::Minutes(6));
  }
  EXPECT_EQ(runtime_.containers(), 2u);
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 4);
}

TEST_F(WorkerTest, DeletionStopsReportsCleansAndDeletesInThatOrder) {
  Run(MakePod());
  api_.log.clear();
  set_->Deliver(Deleted(30));
  Settle();
  EXPECT_THAT(runtime_.Calls(), Contains("StopContainer app 30"));
  EXPECT_THAT(event_log_, Contains("Killing Stopping container app"));
  EXPECT_EQ(api_.log.back(), "delete web");
  EXPECT_THAT(api_.deleted, ElementsAre("uid-web"));
  EXPECT_THAT(api_.last_patch, HasSubstr("\"phase\":\"Failed\""));
  EXPECT_EQ(runtime_.sandboxes(), 0u);
  EXPECT_THAT(volumes_.torn_down, ElementsAre("uid-web"));
  EXPECT_FALSE(std::filesystem::exists(options_.root_dir + "/pods/uid-web"));
  set_->Lost("uid-web");
  Settle();
  EXPECT_EQ(set_->Find("uid-web"), nullptr);
}

TEST_F(WorkerTest, TheObjectStaysUntilItsLastStatusIsThere) {
  Run(MakePod());
  api_.error = base::Unavailable("down");
  set_->Deliver(Deleted(30));
  Settle();
  EXPECT_THAT(api_.deleted, IsEmpty());
  EXPECT_EQ(runtime_.running(), 0u);
  api_.error = absl::OkStatus();
  Advance(absl::Seconds(30));
  EXPECT_THAT(api_.deleted, ElementsAre("uid-web"));
}

TEST_F(WorkerTest, PreStopRunsBeforeTheStop) {
  auto pod = MakePod();
  pod->mutable_spec()
      ->mutable_containers(0)
      ->mutable_lifecycle()
      ->mutable_pre_stop()
      ->mutable_exec()
      ->add_command("bye");
  Run(pod);
  auto deleted = Deleted(30);
  *deleted->mutable_spec() = pod->spec();
  set_->Deliver(deleted);
  Settle();
  const auto calls = runtime_.Calls();
  const auto hook = std::find(calls.begin(), calls.end(), "ExecSync bye");
  ASSERT_NE(hook, calls.end());
  EXPECT_NE(std::find(hook, calls.end(), "StopContainer app 30"), calls.end());
}

TEST_F(WorkerTest, ABadImageWaitsAndTriesAgain) {
  images_.bad = true;
  Run(MakePod());
  EXPECT_EQ(StatusOf().container_statuses(0).state().waiting().reason(), "ErrImagePull");
  EXPECT_EQ(StatusOf().phase(), "Pending");
  images_.reason = "ImagePullBackOff";
  Advance(absl::Seconds(10));
  EXPECT_EQ(StatusOf().container_statuses(0).state().waiting().reason(), "ImagePullBackOff");
  images_.bad = false;
  Advance(absl::Seconds(10));
  EXPECT_EQ(StatusOf().phase(), "Running");
}

TEST_F(WorkerTest, AMissingConfigMapIsAConfigError) {
  auto pod = MakePod();
  auto* env = pod->mutable_spec()->mutable_containers(0)->add_env_from();
  env->mutable_config_map_ref()->mutable_local_object_reference()->set_name("settings");
  Run(pod);
  const auto waiting = StatusOf().container_statuses(0).state().waiting();
  EXPECT_EQ(waiting.reason(), "CreateContainerConfigError");
  EXPECT_EQ(waiting.message(), "configmap \"settings\" not found");
}

TEST_F(WorkerTest, AFailedSandboxIsTriedAgain) {
  runtime_.FailNext("RunPodSandbox", absl::UnknownError("no network"), 1);
  Run(MakePod());
  EXPECT_EQ(runtime_.running(), 0u);
  EXPECT_THAT(event_log_, Contains("FailedCreatePodSandBox Failed to create pod sandbox: no "
                                   "network"));
  Advance(absl::Seconds(1));
  EXPECT_EQ(runtime_.running(), 1u);
}

TEST_F(WorkerTest, VolumesComeBeforeTheSandbox) {
  volumes_.error = base::NotFound("configmap \"x\" not found");
  Run(MakePod());
  EXPECT_EQ(runtime_.sandboxes(), 0u);
  EXPECT_EQ(StatusOf().container_statuses(0).state().waiting().reason(), "ContainerCreating");
  volumes_.error = absl::OkStatus();
  Advance(absl::Seconds(10));
  EXPECT_EQ(runtime_.running(), 1u);
}

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

}  // namespace
}  // namespace berth::agent
