// SPDX-License-Identifier: Apache-2.0
// How the pods' part of the daemon is put together.
#include <algorithm>
#include <thread>
#include <utility>

#include "agent/daemon/daemon.h"
#include "agent/env/amount.h"
#include "agent/volumes/api_objects.h"
#include "agent/volumes/no_api_objects.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;
using base::StrCat;

constexpr absl::Duration kServicesWait = absl::Seconds(5);
// Of the processors' time: with more than this to spare, more sandboxes are made beside each other.
constexpr double kIdleShare = 0.2;

}  // namespace

PodRuntimeOptions Daemon::PodOptions() const {
  const auto& kubelet = config_.kubelet;
  PodRuntimeOptions options;
  options.node_name = identity_.name;
  options.node_ips = identity_.addresses;
  options.root_dir = flags_.root_dir;
  options.pod_logs_dir = kubelet.pod_logs_dir;
  while (options.pod_logs_dir.size() > 1 && options.pod_logs_dir.ends_with('/')) {
    options.pod_logs_dir.pop_back();
  }
  options.cluster_dns = kubelet.cluster_dns;
  options.cluster_domain = kubelet.cluster_domain;
  options.resolv_conf = kubelet.resolv_conf;
  options.container_runtime_name = runtime_name_;
  options.cgroup_driver = cgroup_driver_;
  options.cgroup_root = kubelet.cgroup_root.empty() ? "/" : kubelet.cgroup_root;
  options.cgroups_per_qos = kubelet.cgroups_per_qos;
  options.pod_pids_limit = kubelet.pod_pids_limit;
  options.cpu_cfs_quota = kubelet.cpu_cfs_quota;
  options.group_oom_kill = cgroup_v2_ && !kubelet.single_process_oom_kill;
  options.seccomp_default = kubelet.seccomp_default;
  options.allowed_unsafe_sysctls = kubelet.allowed_unsafe_sysctls;
  options.max_pods = kubelet.max_pods;
  options.sync_frequency = kubelet.sync_frequency;
  options.max_restart_backoff = kubelet.max_container_restart_period;
  options.runtime_request_timeout = kubelet.runtime_request_timeout;
  options.hard_memory_threshold = HardMemoryThreshold();
  options.static_pods.node_name = identity_.name;
  options.static_pods.path = kubelet.static_pod_path;
  options.static_pods.file_check = kubelet.file_check_frequency;
  options.static_pods.url = kubelet.static_pod_url;
  options.static_pods.url_header = kubelet.static_pod_url_header;
  options.static_pods.url_check = kubelet.http_check_frequency;
  options.log_rotation.max_size =
      std::max<int64_t>(1, UnitsOf(kubelet.container_log_max_size).value_or(0));
  options.log_rotation.max_files = kubelet.container_log_max_files;
  options.log_rotation.monitor_interval = kubelet.container_log_monitor_interval;
  options.log_rotation.call_timeout = kubelet.runtime_request_timeout;
  options.log_rotation_workers = kubelet.container_log_max_workers;
  return options;
}

void Daemon::MakePods() {
  const auto& kubelet = config_.kubelet;
  const auto allocatable = [this] { return node_->Allocatable(); };
  if (api_ == nullptr) {
    objects_ = std::make_unique<NoApiObjects>(allocatable);
  } else {
    objects_ = std::make_unique<ApiObjects>(
        *api_, clock_,
        [this] {
          // A pod must not start with half of the services in its environment. Static pods are not
          // held up by an API that is away.
          if (pods_->KnowsApiPods()) services_->WaitForSync(kServicesWait);
          return services_->List();
        },
        allocatable);
  }
  volumes_ = std::make_unique<NodeVolumes>(
      flags_.root_dir, mounter_, *objects_,
      api_ == nullptr ? NoTokenIssuer() : ApiTokenIssuer(*api_), clock_);
  ImagePullerOptions pulls;
  pulls.max_parallel_pulls = kubelet.serialize_image_pulls ? 1 : kubelet.max_parallel_image_pulls;
  pulls.pull_qps = kubelet.registry_pull_qps;
  pulls.pull_burst = kubelet.registry_burst;
  pulls.call_timeout = kubelet.runtime_request_timeout;
  pulls.node_docker_config = flags_.root_dir + "/config.json";
  pulls.leases = &leases_;
  images_ = std::make_unique<CriImagePuller>(
      pulls, *runtime_, *objects_, clock_,
      [this](const core::Pod& pod, std::string_view type, std::string_view reason,
             std::string_view message, std::string_view field_path) {
        if (recorder_ != nullptr) recorder_->Record(pod, type, reason, message, field_path);
      });
  cri::PacedRuntime::Options pace;
  pace.at_once = static_cast<int>(std::thread::hardware_concurrency()) + 2;
  pace.idle = [this] { return load_.IdleShare() > kIdleShare; };
  pace.waited = [this](absl::Duration wait) { metrics_.RuntimeTurn(wait); };
  paced_ = std::make_unique<cri::PacedRuntime>(*runtime_, std::move(pace));
  PodRuntimeParts parts;
  parts.api = api_.get();
  parts.recorder = recorder_.get();
  parts.clock = &clock_;
  parts.io = &io_;
  parts.runtime = paced_.get();
  parts.end_waits = [this] { paced_->Stop(); };
  parts.events = events_.get();
  parts.volumes = volumes_.get();
  parts.images = images_.get();
  parts.objects = objects_.get();
  parts.metrics = &metrics_;
  parts.network_seen_ready = [this] { return node_->runtime().network_ready; };
  parts.node = [this] { return api_ == nullptr ? node_->InitialNode() : node_->node(); };
  parts.initial_node = [this] { return node_->InitialNode(); };
  parts.inotify = inotify_.get();
  parts.manifest_problem = [this](const std::string& problem) {
    Record("Warning", "FailedValidation", StrCat("Static pod manifest is not usable: ", problem));
  };
  parts.keep_out = [this](const core::Pod& pod) {
    return evictions_ == nullptr ? std::nullopt : evictions_->Admit(pod);
  };
  pods_ = std::make_unique<PodRuntime>(PodOptions(), parts);
  MakeImageCollector();
  MakeEvictions();
}

}  // namespace berth::agent
