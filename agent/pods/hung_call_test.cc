// SPDX-License-Identifier: Apache-2.0
// On real threads: a runtime call that never comes back holds up its own pod and no other.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "agent/pods/pod_set.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "base/status.h"
#include "cri/fake_runtime.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;

class NoVolumes : public PodVolumes {
  absl::StatusOr<MountedVolumes> SetUp(const Pod&, absl::Duration) override {
    return MountedVolumes{};
  }
  absl::StatusOr<std::string> BindSubpath(const SubpathMount& mount) override {
    return std::string(mount.volume_path);
  }
  absl::Status TearDown(std::string_view) override { return absl::OkStatus(); }
};

class AllImages : public ImagePuller {
  ImageResult EnsureImage(const Pod&, const api::core::v1::Container&, absl::Duration) override {
    return {"", "", "ref", {}};
  }
};

class NoObjects : public ObjectReader {
  absl::StatusOr<std::shared_ptr<const api::core::v1::ConfigMap>> GetConfigMap(
      std::string_view, std::string_view) override {
    return base::NotFound("none");
  }
  absl::StatusOr<std::shared_ptr<const api::core::v1::Secret>> GetSecret(
      std::string_view, std::string_view) override {
    return base::NotFound("none");
  }
  std::vector<std::shared_ptr<const api::core::v1::Service>> ListServices(
      std::string_view) override {
    return {};
  }
};

class DeafApi : public PodApi {
  absl::Status PatchStatus(const PodRef&, std::string_view) override { return absl::OkStatus(); }
  absl::Status Delete(const PodRef&) override { return absl::OkStatus(); }
  absl::Status Create(const Pod&, Pod&) override { return absl::OkStatus(); }
};

std::shared_ptr<Pod> MakePod(const std::string& name) {
  auto pod = std::make_shared<Pod>();
  pod->mutable_metadata()->set_name(name);
  pod->mutable_metadata()->set_namespace_("default");
  pod->mutable_metadata()->set_uid(name);
  auto* container = pod->mutable_spec()->add_containers();
  container->set_name("app-" + name);
  container->set_image("image");
  return pod;
}

TEST(HungCall, HoldsUpItsOwnPodOnly) {
  char dir[] = "/tmp/hungXXXXXX";
  const std::string root = mkdtemp(dir);
  base::RealClock clock;
  cri::FakeRuntime runtime(clock);
  PodRuntimeOptions options;
  options.root_dir = root;
  options.pod_logs_dir = root + "/logs";
  options.container_logs_dir = "";
  options.resolv_conf = "";
  NoVolumes volumes;
  AllImages images;
  NoObjects objects;
  DeafApi api;
  PodCgroups cgroups(nullptr, {});
  PodFiles files({root, root + "/logs", "", "cluster.local"});
  Prober prober(runtime, [](const HttpCall&, absl::Duration) -> absl::StatusOr<http::Response> {
    return base::Unavailable("no http here");
  });
  base::Mutex mu;
  base::CondVar changed;
  bool release = false;
  bool healthy_started = false;
  bool sick_hangs = false;
  runtime.SetHook("RunPodSandbox", [&](const google::protobuf::Message& message) {
    const auto& request = static_cast<const cri::v1::RunPodSandboxRequest&>(message);
    base::MutexLock l(mu);
    if (request.config().metadata().name() != "sick") return absl::OkStatus();
    sick_hangs = true;
    changed.NotifyAll();
    while (!release) changed.Wait(mu);
    return absl::UnavailableError("the runtime went away");
  });
  runtime.SetHook("StartContainer", [&](const google::protobuf::Message&) {
    base::MutexLock l(mu);
    healthy_started = true;
    changed.NotifyAll();
    return absl::OkStatus();
  });
  std::unique_ptr<PodSet> set;
  {
    base::ThreadPool pool("hung-test", 8);
    ProbeRuns probes(prober, pool, clock,
                     {[](const std::string&) {},
                      [](const Pod&, const std::string&, ProbeKind, const std::string&) {}});
    StatusWriter statuses(api, pool, clock, [](const std::string&) {});
    const WorkerContext context{
        options,
        clock,
        pool,
        runtime,
        volumes,
        images,
        objects,
        cgroups,
        files,
        prober,
        probes,
        statuses,
        [&](const std::string& uid, absl::Duration delay) { set->Poke(uid, delay); },
        [](const Pod&, std::string_view, std::string_view, std::string_view, std::string_view) {},
        [](const PodObservation&) {},
        [](const std::string&) { return false; },
        [] { return true; },
        [] { return int64_t{0}; },
        [](const std::string&) -> absl::StatusOr<std::string> { return std::string(); }};
    const auto node = std::make_shared<api::core::v1::Node>();
    set = std::make_unique<PodSet>(context, pool, [node] { return node; });
    set->SourceReady();
    set->Deliver(MakePod("sick"));
    {
      base::MutexLock l(mu);
      while (!sick_hangs) changed.Wait(mu);
    }
    set->Deliver(MakePod("healthy"));
    {
      base::MutexLock l(mu);
      while (!healthy_started) changed.Wait(mu);
      EXPECT_FALSE(release);
      release = true;
      changed.NotifyAll();
    }
    set->Stop();
    probes.Stop();
    statuses.Stop();
  }
  EXPECT_NE(runtime.FindContainer("app-healthy"), "");
  EXPECT_EQ(runtime.FindContainer("app-sick"), "");
  set.reset();
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace berth::agent
