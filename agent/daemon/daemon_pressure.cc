// SPDX-License-Identifier: Apache-2.0
// How the daemon keeps the node from filling up: image collection and eviction, put together.
#include <algorithm>

#include "agent/daemon/daemon.h"
#include "agent/env/amount.h"
#include "agent/node/node_resources.h"
#include "agent/resources/reserved_cgroups.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "cgroups/hierarchy.h"
#include "cgroups/tree.h"

namespace berth::agent {

int64_t Daemon::HardMemoryThreshold() const {
  const auto& hard = config_.kubelet.eviction_hard;
  const auto memory = hard.find("memory.available");
  if (memory == hard.end()) return 0;
  return ThresholdOf(memory->second, identity_.facts.memory_bytes).value_or(0);
}

absl::Status Daemon::EnforceReservations() {
  const auto& kubelet = config_.kubelet;
  for (const std::string& what : kubelet.enforce_node_allocatable) {
    const bool system = what.starts_with("system-reserved");
    if (!system && !what.starts_with("kube-reserved")) continue;
    const std::string& group =
        system ? kubelet.system_reserved_cgroup : kubelet.kube_reserved_cgroup;
    Amounts reserved;
    for (const auto& [name, amount] : system ? kubelet.system_reserved : kubelet.kube_reserved) {
      reserved[name] = (name == "cpu" ? MilliOf(amount) : UnitsOf(amount)).value_or(0);
    }
    ASSIGN_OR_RETURN(auto hierarchies, cgroups::DiscoverHierarchies());
    cgroups::Tree tree(std::move(hierarchies));
    const absl::Status status =
        EnforceReserved(tree, group, reserved,
                        what.ends_with("-compressible") ? Reserved::kCompressible : Reserved::kAll);
    if (!status.ok()) {
      const std::string message =
          base::StrCat("Failed to enforce ", system ? "System" : "Kube",
                       " Reserved Cgroup Limits on \"", group, "\": ", status.message());
      Record("Warning", "FailedNodeAllocatableEnforcement", message);
      return base::FailedPrecondition(message);
    }
    Record(
        "Normal", "NodeAllocatableEnforced",
        base::StrCat("Updated limits on ", system ? "system" : "kube", " reserved cgroup ", group));
  }
  return absl::OkStatus();
}

void Daemon::WatchForOom() {
  auto watcher = OomWatcher::Start("/dev/kmsg", [this](const SystemOom& oom) {
    Record(
        "Warning", "SystemOOM",
        base::StrCat("System OOM encountered, victim process: ", oom.process, ", pid: ", oom.pid));
  });
  if (!watcher.ok()) {
    BERTH_INFO("the node's own OOM kills are not told of", {"error", watcher.status()});
    return;
  }
  oom_watcher_ = *std::move(watcher);
}

void Daemon::MakeImageCollector() {
  const auto& kubelet = config_.kubelet;
  CollectionPolicy policy;
  policy.high_percent = kubelet.image_gc_high_threshold_percent;
  policy.low_percent = kubelet.image_gc_low_threshold_percent;
  policy.min_age = kubelet.image_minimum_gc_age;
  policy.max_age = kubelet.image_maximum_gc_age;
  ImageCollector::Hooks hooks;
  hooks.event = [this](std::string_view type, std::string_view reason, std::string_view message) {
    Record(type, reason, message);
  };
  hooks.collected = [this](std::string_view reason) { metrics_.ImageCollected(reason); };
  collector_ = std::make_unique<ImageCollector>(policy, *runtime_, leases_, pressure_pool_, clock_,
                                                std::move(hooks));
}

void Daemon::MakeEvictions() {
  const auto& kubelet = config_.kubelet;
  UsageReader::Options options;
  options.root_dir = flags_.root_dir;
  options.pod_logs_dir = PodOptions().pod_logs_dir;
  // A runtime that hangs must not keep the node from seeing its memory go.
  options.call_timeout = std::min(kubelet.runtime_request_timeout, absl::Seconds(5));
  int64_t for_pods = 0;
  if (kubelet.cgroups_per_qos) {
    const ResourceTexts allocatable = NodeAllocatable(identity_.facts, {}, kubelet);
    for_pods = UnitsOf(allocatable.at("memory")).value_or(0) + HardMemoryThreshold();
  }
  usage_ = std::make_unique<UsageReader>(
      options, *runtime_, [this](const std::string& uid) { return pods_->GroupUsage(uid); },
      [for_pods] { return for_pods; });
  Evictions::Parts parts;
  parts.disks = [this] { return usage_->Disks(); };
  parts.signals = [this] { return usage_->ReadSignals(); };
  parts.measure = [this](const std::vector<Evictions::PodPtr>& pods) {
    return usage_->Measure(pods);
  };
  parts.active_pods = [this] { return pods_->ActivePods(); };
  parts.end = [this](const std::string& uid, const PodVerdict& verdict) {
    pods_->End(uid, verdict);
  };
  parts.free_containers = [this] { pods_->FreeContainers(); };
  parts.free_images = [this] {
    const auto freed = collector_->FreeAllUnused();
    if (!freed.ok()) BERTH_WARNING("unused images stay", {"error", freed.status()});
  };
  parts.pressure_changed = [this] { node_->Poke(); };
  parts.node_event = [this](std::string_view type, std::string_view reason,
                            std::string_view message) { Record(type, reason, message); };
  parts.evicted_event = [this](const api::core::v1::Pod& pod, std::string_view message,
                               const std::map<std::string, std::string>& annotations) {
    if (recorder_ != nullptr)
      recorder_->Record(pod, "Warning", "Evicted", message, "", annotations);
  };
  parts.count = [this](std::string_view signal) { metrics_.Evicted(signal); };
  evictions_ = std::make_unique<Evictions>(kubelet, std::move(parts), pressure_pool_, clock_);
}

}  // namespace berth::agent
