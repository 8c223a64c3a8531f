// SPDX-License-Identifier: Apache-2.0
// Sandboxes and containers straight through the CRI, as many as pods and as many at once as asked:
// what bench/pod_start.py compares berthd with. Prints one line of JSON.
//
//   cri_start ENDPOINT PODS PARALLEL FOLDER
//
// Runs inside the node's namespaces; FOLDER takes logs and the files that a kubelet mounts.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "cri/grpc_runtime.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth {
namespace {

using base::StrCat;
using Clock = std::chrono::steady_clock;

constexpr char kImage[] = "berth.local/busybox:1";

double Milliseconds(Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

struct Pod {
  std::string sandbox;
  double run = 0, create = 0, start = 0;  // milliseconds
};

void Mount(cri::v1::ContainerConfig& config, const std::string& inside,
           const std::string& outside) {
  std::ofstream(outside, std::ios::app);
  auto& mount = *config.add_mounts();
  mount.set_container_path(inside);
  mount.set_host_path(outside);
}

// What berthd asks for a pod of one small container.
absl::Status StartPod(cri::Runtime& runtime, const std::string& folder, int index, Pod& pod) {
  const std::string name = StrCat("bare-", index);
  const std::string dir = StrCat(folder, "/", name);
  std::filesystem::create_directories(StrCat(dir, "/app"));
  cri::v1::RunPodSandboxRequest run;
  auto& sandbox = *run.mutable_config();
  sandbox.mutable_metadata()->set_name(name);
  sandbox.mutable_metadata()->set_namespace_("default");
  sandbox.mutable_metadata()->set_uid(name);
  sandbox.set_hostname(name);
  sandbox.set_log_directory(dir);
  sandbox.mutable_dns_config()->add_servers("10.96.0.10");
  sandbox.mutable_linux()->set_cgroup_parent(StrCat("/bare/", name));
  auto& options = *sandbox.mutable_linux()->mutable_security_context()->mutable_namespace_options();
  options.set_pid(cri::v1::CONTAINER);
  auto from = Clock::now();
  cri::v1::RunPodSandboxResponse ran;
  RETURN_IF_ERROR(runtime.RunPodSandbox(run, ran, cri::kCallTimeout), "RunPodSandbox");
  pod.run = Milliseconds(Clock::now() - from);
  pod.sandbox = ran.pod_sandbox_id();

  cri::v1::CreateContainerRequest create;
  create.set_pod_sandbox_id(pod.sandbox);
  *create.mutable_sandbox_config() = sandbox;
  auto& container = *create.mutable_config();
  container.mutable_metadata()->set_name("app");
  container.mutable_image()->set_image(kImage);
  container.add_command("sleep");
  container.add_command("1000000");
  container.set_log_path("app/0.log");
  Mount(container, "/etc/hosts", StrCat(dir, "/hosts"));
  Mount(container, "/dev/termination-log", StrCat(dir, "/termination-log"));
  *container.mutable_linux()->mutable_security_context()->mutable_namespace_options() = options;
  from = Clock::now();
  cri::v1::CreateContainerResponse created;
  RETURN_IF_ERROR(runtime.CreateContainer(create, created, cri::kCallTimeout), "CreateContainer");
  pod.create = Milliseconds(Clock::now() - from);

  cri::v1::StartContainerRequest start;
  start.set_container_id(created.container_id());
  from = Clock::now();
  cri::v1::StartContainerResponse started;
  RETURN_IF_ERROR(runtime.StartContainer(start, started, cri::kCallTimeout), "StartContainer");
  pod.start = Milliseconds(Clock::now() - from);
  return absl::OkStatus();
}

absl::Status RemovePod(cri::Runtime& runtime, const Pod& pod) {
  cri::v1::StopPodSandboxRequest stop;
  stop.set_pod_sandbox_id(pod.sandbox);
  cri::v1::StopPodSandboxResponse stopped;
  RETURN_IF_ERROR(runtime.StopPodSandbox(stop, stopped, cri::kCallTimeout), "StopPodSandbox");
  cri::v1::RemovePodSandboxRequest remove;
  remove.set_pod_sandbox_id(pod.sandbox);
  cri::v1::RemovePodSandboxResponse removed;
  return runtime.RemovePodSandbox(remove, removed, cri::kCallTimeout);
}

// Seconds that `work` took for every pod, `parallel` at once.
double ForEach(std::vector<Pod>& pods, int parallel,
               const std::function<absl::Status(int, Pod&)>& work) {
  std::atomic<int> next = 0;
  const auto from = Clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < parallel; ++i) {
    threads.emplace_back([&] {
      for (int pod; (pod = next++) < static_cast<int>(pods.size());) {
        const absl::Status status = work(pod, pods[pod]);
        if (status.ok()) continue;
        std::fprintf(stderr, "cri_start: %s\n", std::string(base::Message(status)).c_str());
        std::exit(1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return Milliseconds(Clock::now() - from) / 1000;
}

double Median(const std::vector<Pod>& pods, double Pod::*time) {
  std::vector<double> times;
  for (const auto& pod : pods) times.push_back(pod.*time);
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

int Main(const std::string& endpoint, int count, int parallel, const std::string& folder) {
  auto runtime = cri::GrpcRuntime::Make(endpoint);
  if (!runtime.ok()) return 1;
  std::vector<Pod> pods(count);
  const double started = ForEach(
      pods, parallel, [&](int index, Pod& pod) { return StartPod(**runtime, folder, index, pod); });
  std::printf(
      "{\"pods\": %d, \"parallel\": %d, \"seconds\": %.2f, \"run_ms\": %.0f, \"create_ms\": %.0f, "
      "\"start_ms\": %.0f}\n",
      count, parallel, started, Median(pods, &Pod::run), Median(pods, &Pod::create),
      Median(pods, &Pod::start));
  ForEach(pods, 4, [&](int, Pod& pod) { return RemovePod(**runtime, pod); });
  return 0;
}

}  // namespace
}  // namespace berth

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: cri_start ENDPOINT PODS PARALLEL FOLDER\n");
    return 2;
  }
  const auto number = [](const char* text) {
    return std::max(1, berth::base::ParseInt<int>(text).value_or(1));
  };
  return berth::Main(argv[1], number(argv[2]), number(argv[3]), argv[4]);
}
