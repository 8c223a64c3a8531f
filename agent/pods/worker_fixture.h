// SPDX-License-Identifier: Apache-2.0
// A node's pods on a runtime, an API and an executor that exist in memory only. For tests.
#ifndef BERTH_AGENT_PODS_WORKER_FIXTURE_H_
#define BERTH_AGENT_PODS_WORKER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "agent/observe/pleg.h"
#include "agent/pods/pod_set.h"
#include "agent/pods/pod_worker.h"
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

using api::core::v1::Node;
using api::core::v1::Pod;
using api::core::v1::PodStatus;

class FakeVolumes : public PodVolumes {
 public:
  absl::StatusOr<MountedVolumes> SetUp(const Pod&, absl::Duration) override {
    if (!error.ok()) return error;
    return MountedVolumes{};
  }
  absl::StatusOr<std::string> BindSubpath(const SubpathMount& mount) override {
    return std::string(mount.volume_path);
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
  absl::Status Create(const Pod& pod, Pod& made) override {
    if (!error.ok()) return error;
    log.push_back(base::StrCat("create ", pod.metadata().name()));
    made = pod;
    made.mutable_metadata()->set_uid(base::StrCat("api-", log.size()));
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
          response.body = http_body_;
          return response;
        });
    probes_ = std::make_unique<ProbeRuns>(
        *prober_, executor_, clock_,
        ProbeRuns::Hooks{[this](const std::string& uid) { set_->Poke(uid, {}); },
                         [this](const Pod&, const std::string&, ProbeKind, const std::string& m) {
                           event_log_.push_back("Unhealthy " + m);
                         },
                         [this](const Pod&, const std::string&, ProbeKind, const std::string& m) {
                           event_log_.push_back("ProbeWarning " + m);
                         }});
    statuses_ = std::make_unique<StatusWriter>(
        api_, executor_, clock_, [this](const std::string& uid) { set_->StatusWritten(uid); },
        &metrics_);
    context_ = std::make_unique<WorkerContext>(WorkerContext{
        options_,
        clock_,
        executor_,
        runtime_,
        volumes_,
        images_,
        objects_,
        *cgroups_,
        *files_,
        *prober_,
        *probes_,
        *statuses_,
        [this](const std::string& uid, absl::Duration delay) { set_->Poke(uid, delay); },
        [this](const Pod&, std::string_view, std::string_view reason, std::string_view message,
               std::string_view) { event_log_.push_back(base::StrCat(reason, " ", message)); },
        [this](const PodObservation& seen) { pleg_->Observed(seen); },
        [this](const std::string& uid) { return pleg_->MayHave(uid); },
        [] { return false; },
        [] { return int64_t{1} << 30; },
        [](const std::string& name) -> absl::StatusOr<std::string> {
          if (name == "crun") return std::string("crun");
          return base::NotFound("runtimeclass.node.k8s.io \"", name, "\" not found");
        },
        &metrics_});
    set_ = std::make_unique<PodSet>(*context_, executor_, [this] { return node_; });
    pleg_ = std::make_unique<Pleg>(
        runtime_, events_.get(), executor_, clock_,
        Pleg::Hooks{[this](const std::string& uid) { set_->RuntimeChanged(uid); },
                    [](const auto&) {}});
    pleg_->Start();
  }
  void Stop() {
    if (set_ == nullptr) return;
    pleg_->Stop();
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
  KubeletMetrics metrics_;
  int http_status_ = 200;
  std::string http_body_;
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
  std::unique_ptr<Pleg> pleg_;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_PODS_WORKER_FIXTURE_H_
