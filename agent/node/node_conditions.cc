// SPDX-License-Identifier: Apache-2.0
#include "agent/node/node_conditions.h"

#include "agent/node/node_resources.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using base::StrCat;

// True when `available` of `capacity` lies below the hard threshold of `signal`.
bool Below(const KubeletConfig& config, const std::string& signal, int64_t available,
           int64_t capacity) {
  const auto at = config.eviction_hard.find(signal);
  if (at == config.eviction_hard.end() || capacity <= 0) return false;
  return available < ThresholdOf(at->second, capacity).value_or(0);
}

ConditionNow MemoryPressure(const KubeletConfig& config, const NodeObservation& seen) {
  if (Below(config, "memory.available", seen.memory.available_bytes, seen.memory.total_bytes)) {
    return {"MemoryPressure", true, "KubeletHasInsufficientMemory",
            "kubelet has insufficient memory available"};
  }
  return {"MemoryPressure", false, "KubeletHasSufficientMemory",
          "kubelet has sufficient memory available"};
}

ConditionNow DiskPressure(const KubeletConfig& config, const NodeObservation& seen) {
  const FilesystemSize& disk = seen.node_filesystem;
  if (Below(config, "nodefs.available", disk.available_bytes, disk.capacity_bytes) ||
      Below(config, "nodefs.inodesFree", disk.inodes_free, disk.inodes)) {
    return {"DiskPressure", true, "KubeletHasDiskPressure", "kubelet has disk pressure"};
  }
  return {"DiskPressure", false, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"};
}

ConditionNow PidPressure(const KubeletConfig& config, const NodeObservation& seen) {
  if (Below(config, "pid.available", seen.pids.max - seen.pids.running, seen.pids.max)) {
    return {"PIDPressure", true, "KubeletHasInsufficientPID",
            "kubelet has insufficient PID available"};
  }
  return {"PIDPressure", false, "KubeletHasSufficientPID", "kubelet has sufficient PID available"};
}

std::string RuntimeText(std::string_view what, std::string_view condition, std::string_view reason,
                        std::string_view message) {
  return StrCat(what, " not ready: ", condition, "=false reason:", reason, " message:", message);
}

std::vector<std::string> NotReadyReasons(const NodeObservation& seen) {
  std::vector<std::string> out;
  const RuntimeSeen& runtime = seen.runtime;
  if (!runtime.reachable.ok()) {
    out.push_back(StrCat("container runtime is down: ", runtime.reachable.message()));
    return out;
  }
  if (!runtime.runtime_ready) {
    out.push_back(RuntimeText("container runtime", "RuntimeReady", runtime.runtime_reason,
                              runtime.runtime_message));
  }
  if (!runtime.network_ready) {
    out.push_back(RuntimeText("container runtime network", "NetworkReady", runtime.network_reason,
                              runtime.network_message));
  }
  if (!seen.pods_health.ok()) out.emplace_back(base::Message(seen.pods_health));
  return out;
}

ConditionNow Ready(const NodeObservation& seen) {
  const std::vector<std::string> reasons = NotReadyReasons(seen);
  if (reasons.empty()) {
    return {"Ready", true, "KubeletReady", "kubelet is posting ready status"};
  }
  return {"Ready", false, "KubeletNotReady",
          reasons.size() == 1 ? reasons[0] : StrCat("[", base::Join(reasons, ", "), "]")};
}

}  // namespace

std::vector<ConditionNow> ConditionsNow(const KubeletConfig& config, const NodeObservation& seen) {
  return {MemoryPressure(config, seen), DiskPressure(config, seen), PidPressure(config, seen),
          Ready(seen)};
}

}  // namespace berth::agent
