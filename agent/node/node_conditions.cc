// SPDX-License-Identifier: Apache-2.0
#include "agent/node/node_conditions.h"

#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using base::StrCat;

ConditionNow MemoryPressure(const NodeObservation& seen) {
  if (seen.pressures.contains(Pressure::kMemory)) {
    return {"MemoryPressure", true, "KubeletHasInsufficientMemory",
            "kubelet has insufficient memory available"};
  }
  return {"MemoryPressure", false, "KubeletHasSufficientMemory",
          "kubelet has sufficient memory available"};
}

ConditionNow DiskPressure(const NodeObservation& seen) {
  if (seen.pressures.contains(Pressure::kDisk)) {
    return {"DiskPressure", true, "KubeletHasDiskPressure", "kubelet has disk pressure"};
  }
  return {"DiskPressure", false, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"};
}

ConditionNow PidPressure(const NodeObservation& seen) {
  if (seen.pressures.contains(Pressure::kPid)) {
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

std::vector<ConditionNow> ConditionsNow(const NodeObservation& seen) {
  return {MemoryPressure(seen), DiskPressure(seen), PidPressure(seen), Ready(seen)};
}

}  // namespace berth::agent
