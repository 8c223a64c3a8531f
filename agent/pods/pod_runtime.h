// SPDX-License-Identifier: Apache-2.0
// The pods of this node: takes them from the API and from manifests of its own, admits them, runs a
// worker per pod, reports their status. Everything is rebuilt from the runtime's and the API's
// lists when the daemon starts; destroying a PodRuntime disturbs no container.
#ifndef BERTH_AGENT_PODS_POD_RUNTIME_H_
#define BERTH_AGENT_PODS_POD_RUNTIME_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/logs/log_rotation.h"
#include "agent/pods/pod_directory.h"
#include "agent/sources/static_pods.h"
#include "agent/status/pod_status.h"
#include "base/clock.h"
#include "cgroups/groups.h"

namespace berth::api::core::v1 {
class Node;
}
namespace berth::client {
class ApiClient;
class EventRecorder;
}  // namespace berth::client
namespace berth::cri {
class EventSource;
class Runtime;
}  // namespace berth::cri
namespace berth::http {
class IoContext;
}

namespace berth::agent {

class ImagePuller;
class KubeletMetrics;
class ObjectReader;
class PodVolumes;

struct PodRuntimeOptions {
  std::string node_name;
  std::vector<std::string> node_ips;  // hostIPs, the main one first
  std::string root_dir = "/var/lib/kubelet";
  std::string pod_logs_dir = "/var/log/pods";
  // Symlinks that log collectors follow; "" is "containers" beside pod_logs_dir.
  std::string container_logs_dir;
  std::string container_runtime_name = "containerd";  // of "containerd://<id>"
  std::vector<std::string> cluster_dns;
  std::string cluster_domain = "cluster.local";
  std::string resolv_conf = "/etc/resolv.conf";  // "" for none
  std::string cgroup_driver = "cgroupfs";        // or "systemd"
  std::string cgroup_root = "/";                 // below it: kubepods
  bool cgroups_per_qos = true;
  int64_t pod_pids_limit = -1;
  bool cpu_cfs_quota = true;
  bool group_oom_kill = false;  // needs cgroup v2
  bool seccomp_default = false;
  std::vector<std::string> allowed_unsafe_sysctls;
  int max_pods = 110;
  absl::Duration sync_frequency = absl::Minutes(1);
  absl::Duration max_restart_backoff = absl::Minutes(5);
  absl::Duration runtime_request_timeout = absl::Minutes(2);
  int64_t hard_memory_threshold = 0;  // of eviction: pods' groups may use up to there
  StaticPods::Options static_pods;
  LogRotation::Options log_rotation;
  int log_rotation_workers = 1;
};

// What a PodRuntime borrows; all of it outlives the PodRuntime.
struct PodRuntimeParts {
  client::ApiClient* api = nullptr;           // null: static pods only
  client::EventRecorder* recorder = nullptr;  // null: no events
  base::Clock* clock = nullptr;
  http::IoContext* io = nullptr;  // for http probes and hooks
  cri::Runtime* runtime = nullptr;
  // Called when the end has begun: calls to the runtime that only wait fail from then on.
  std::function<void()> end_waits = [] {};
  cri::EventSource* events = nullptr;  // not started; null: relist only
  PodVolumes* volumes = nullptr;
  ImagePuller* images = nullptr;
  ObjectReader* objects = nullptr;
  KubeletMetrics* metrics = nullptr;  // null: not measured
  // The latest Node object of this node: allocatable, labels, taints. Null until it is known; no
  // pod is admitted before.
  std::function<std::shared_ptr<const api::core::v1::Node>()> node;
  // Whether the runtime's network was ready when it was last looked at. A no is asked again.
  std::function<bool()> network_seen_ready = [] { return false; };
  // The same as this daemon would make it, for static pods while the API is away.
  std::function<std::shared_ptr<const api::core::v1::Node>()> initial_node;
  // Why no such pod may begin to run now, under pressure.
  std::function<std::optional<PodVerdict>(const api::core::v1::Pod& pod)> keep_out =
      [](const auto&) { return std::nullopt; };
  kernel::Inotify* inotify = nullptr;  // null: manifests and logs are looked at from time to time
  // A manifest that is not usable.
  std::function<void(const std::string& problem)> manifest_problem = [](const std::string&) {};
};

class PodRuntime : public PodDirectory {
 public:
  PodRuntime(PodRuntimeOptions options, PodRuntimeParts parts);
  ~PodRuntime() override;

  // Makes the top cgroups and starts the watch of pods, the event stream and the workers. Errors
  // are those of the cgroup tree; nothing runs then.
  absl::Status Start();
  // Starts nothing new and waits for work that runs. Containers stay.
  void Stop();

  // Health of the pod lifecycle, for /healthz and the node's Ready condition: OK while the relist
  // of the runtime works ("PLEG is not healthy: ..." otherwise).
  absl::Status Health() const;
  // The API's pods are known: only static ones have been started before.
  bool KnowsApiPods() const;
  // Looks at every pod again soon, for instance after the runtime's network became ready.
  void PokeAll();

  // For eviction.
  std::vector<std::shared_ptr<const api::core::v1::Pod>> ActivePods() const;
  void End(const std::string& uid, const PodVerdict& verdict);
  void FreeContainers();
  absl::StatusOr<cgroups::Usage> GroupUsage(const std::string& uid) const;  // "": of all pods

  std::vector<std::shared_ptr<const api::core::v1::Pod>> Pods() const override;
  std::shared_ptr<const api::core::v1::Pod> FindPod(std::string_view namespace_,
                                                    std::string_view name) const override;
  std::optional<ContainerRef> FindContainer(std::string_view namespace_, std::string_view pod,
                                            std::string_view container,
                                            bool previous) const override;
  std::optional<std::string> FindSandbox(std::string_view namespace_,
                                         std::string_view pod) const override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_PODS_POD_RUNTIME_H_
