// SPDX-License-Identifier: Apache-2.0
#include "agent/sync/pod_actions.h"

#include <algorithm>
#include <charconv>

#include "agent/sync/container_spec.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Container;
using api::core::v1::Pod;

// Instances in the sandbox of now; what lies in an older one is history.
const ObservedContainer* LatestHere(const PodObservation& seen, std::string_view name) {
  const ObservedContainer* latest = seen.Latest(name);
  const ObservedSandbox* sandbox = seen.LatestSandbox();
  if (latest == nullptr || sandbox == nullptr || latest->sandbox_id != sandbox->id) return nullptr;
  return latest;
}

class Decision {
 public:
  explicit Decision(const ActionInputs& in) : in_(in), spec_(in.pod.spec()) {}

  PodActions Run() {
    if (SandboxChanged()) {
      ReplaceSandbox();
      return std::move(out_);
    }
    EphemeralContainers();
    if (InitContainers()) AppContainers();
    return std::move(out_);
  }

 private:
  bool SandboxChanged() {
    const ObservedSandbox* latest = in_.seen.LatestSandbox();
    if (latest == nullptr) return true;
    const auto ready = std::count_if(in_.seen.sandboxes.begin(), in_.seen.sandboxes.end(),
                                     [](const auto& s) { return s.ready; });
    return ready != 1 || !latest->ready || latest->host_network != spec_.host_network() ||
           (!latest->host_network && latest->ips.empty());
  }

  void ReplaceSandbox() {
    const ObservedSandbox* latest = in_.seen.LatestSandbox();
    // Pods that never restart do not come back in a new sandbox once something has run.
    if (latest != nullptr && spec_.restart_policy() == "Never" && !in_.seen.containers.empty() &&
        !AnyRestartable()) {
      if (latest->ready) out_.kill_sandbox = latest->id;
      return;
    }
    if (latest != nullptr && !AnythingToRun()) return;
    if (latest != nullptr) {
      out_.sandbox_attempt = latest->attempt + 1;
      out_.kill_sandbox = latest->id;
    }
    out_.create_sandbox = true;
  }

  bool AnyRestartable() const {
    return std::any_of(spec_.containers().begin(), spec_.containers().end(), [&](const auto& c) {
      const ObservedContainer* seen = in_.seen.Latest(c.name());
      return seen == nullptr ? false : ShouldRestart(in_.pod, c, seen->exit_code);
    });
  }

  bool AnythingToRun() const {
    return std::any_of(spec_.containers().begin(), spec_.containers().end(), [&](const auto& c) {
      const ObservedContainer* seen = in_.seen.Latest(c.name());
      return seen == nullptr || seen->phase != ContainerPhase::kExited ||
             ShouldRestart(in_.pod, c, seen->exit_code);
    });
  }

  void EphemeralContainers() {
    for (int i = 0; i < spec_.ephemeral_containers_size(); ++i) {
      const auto& name = spec_.ephemeral_containers(i).ephemeral_container_common().name();
      if (in_.seen.Latest(name) == nullptr) {
        out_.start.push_back({ContainerKind::kEphemeral, i, name, 0, "", {}});
      }
    }
  }

  // True when the app containers may run.
  bool InitContainers() {
    const bool app_exists =
        std::any_of(spec_.containers().begin(), spec_.containers().end(),
                    [&](const auto& c) { return LatestHere(in_.seen, c.name()) != nullptr; });
    for (int i = 0; i < spec_.init_containers_size(); ++i) {
      const Container& container = spec_.init_containers(i);
      const ObservedContainer* seen = LatestHere(in_.seen, container.name());
      if (IsSidecar(container)) {
        if (!Sidecar(i, container, seen) && !app_exists) return false;
      } else if (!app_exists && !PlainInit(i, container, seen)) {
        return false;
      }
    }
    return true;
  }

  // True when it has started, so that the next one may.
  bool Sidecar(int i, const Container& container, const ObservedContainer* seen) {
    if (seen != nullptr && seen->phase == ContainerPhase::kRunning) {
      if (KillIfUnhealthy(container, *seen)) return false;
      return in_.probes.started.contains(seen->id);
    }
    Start(ContainerKind::kInit, i, container, seen);
    return false;
  }

  // True when it is done.
  bool PlainInit(int i, const Container& container, const ObservedContainer* seen) {
    if (seen == nullptr) {
      Start(ContainerKind::kInit, i, container, seen);
      return false;
    }
    if (seen->phase == ContainerPhase::kRunning) return false;
    if (seen->phase == ContainerPhase::kExited) {
      if (seen->exit_code == 0) return true;
      if (!ShouldRestart(in_.pod, container, seen->exit_code)) return false;  // the pod has failed
    }
    Start(ContainerKind::kInit, i, container, seen);
    return false;
  }

  void AppContainers() {
    for (int i = 0; i < spec_.containers_size(); ++i) {
      const Container& container = spec_.containers(i);
      const ObservedContainer* seen = in_.seen.Latest(container.name());
      if (seen != nullptr && seen->phase == ContainerPhase::kRunning) {
        KillIfUnhealthy(container, *seen);
        continue;
      }
      const bool restart = seen == nullptr || seen->phase != ContainerPhase::kExited ||
                           ShouldRestart(in_.pod, container, seen->exit_code) ||
                           seen->hash != ContainerHash(container);
      if (restart) Start(ContainerKind::kApp, i, container, seen);
    }
  }

  bool KillIfUnhealthy(const Container& container, const ObservedContainer& seen) {
    if (in_.stopping.contains(seen.id)) return true;
    ContainerToKill kill{seen.id, seen.name, "", std::nullopt};
    const auto probe_grace = [&](const api::core::v1::Probe& probe) {
      if (probe.has_termination_grace_period_seconds()) {
        kill.grace = absl::Seconds(probe.termination_grace_period_seconds());
      }
    };
    if (seen.hash != ContainerHash(container)) {
      kill.message =
          base::StrCat("Container ", seen.name, " definition changed, will be restarted");
    } else if (in_.probes.liveness_failed.contains(seen.id)) {
      kill.message =
          base::StrCat("Container ", seen.name, " failed liveness probe, will be restarted");
      probe_grace(container.liveness_probe());
    } else if (in_.probes.startup_failed.contains(seen.id)) {
      kill.message =
          base::StrCat("Container ", seen.name, " failed startup probe, will be restarted");
      probe_grace(container.startup_probe());
    } else {
      return false;
    }
    out_.kill.push_back(std::move(kill));
    return true;
  }

  void Start(ContainerKind kind, int index, const Container& container,
             const ObservedContainer* seen) {
    // The count goes on over sandboxes.
    const ObservedContainer* last = seen != nullptr ? seen : in_.seen.Latest(container.name());
    ContainerToStart start{kind, index, container.name(), 0, "", {}};
    if (last != nullptr) {
      start.restart_count = last->restart_count + 1;
      start.replaces = last->id;
      start.replaced_ended = last->finished_at;
    }
    if (last != nullptr && last->phase == ContainerPhase::kExited) {
      const auto wait = in_.backoff.Check(BackoffKey(container), last->finished_at, in_.now);
      if (wait.has_value()) {
        const auto& meta = in_.pod.metadata();
        out_.backoff.push_back(
            {container.name(),
             base::StrCat("back-off ", FormatGoDuration(wait->step),
                          " restarting failed container=", container.name(), " pod=", meta.name(),
                          "_", meta.namespace_(), "(", meta.uid(), ")"),
             wait->until});
        return;
      }
    }
    out_.start.push_back(std::move(start));
  }

  const ActionInputs& in_;
  const api::core::v1::PodSpec& spec_;
  PodActions out_;
};

}  // namespace

PodActions ComputePodActions(const ActionInputs& in) { return Decision(in).Run(); }

bool IsSidecar(const Container& container) { return container.restart_policy() == "Always"; }

std::string ContainerHash(const Container& container) {
  // The kubelet's own value, so that a node can change from one daemon to the other with its
  // containers running: FNV-1a of how Go's spew prints the bytes of this JSON.
  std::vector<std::string> bytes;
  for (const char c : base::StrCat("{\"image\":\"", container.image(), "\",\"name\":\"",
                                   container.name(), "\"}")) {
    bytes.push_back(base::StrCat("(uint8)", static_cast<int>(static_cast<uint8_t>(c))));
  }
  uint32_t hash = 2166136261u;
  for (const char c : base::StrCat("([]uint8)[", base::Join(bytes, " "), "]")) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  }
  char text[9];
  const auto end = std::to_chars(text, text + sizeof(text), hash, 16).ptr;
  return std::string(text, end);
}

std::string BackoffKey(const Container& container) {
  return base::StrCat(container.name(), "/", ContainerHash(container));
}

bool ShouldRestart(const Pod& pod, const Container& container, int exit_code) {
  for (const auto& rule : container.restart_policy_rules()) {
    const auto& codes = rule.exit_codes();
    const bool listed =
        std::find(codes.values().begin(), codes.values().end(), exit_code) != codes.values().end();
    if (rule.action() == "Restart" && listed == (codes.operator_() == "In")) return true;
  }
  const std::string& policy =
      container.restart_policy().empty() ? pod.spec().restart_policy() : container.restart_policy();
  if (policy == "Never") return false;
  if (policy == "OnFailure") return exit_code != 0;
  return true;
}

bool InitDone(const Pod& pod, const PodObservation& seen, const ProbeView& probes) {
  const auto& spec = pod.spec();
  const bool app_exists = std::any_of(
      spec.containers().begin(), spec.containers().end(),
      [&](const auto& container) { return LatestHere(seen, container.name()) != nullptr; });
  if (app_exists) return true;
  return std::all_of(
      spec.init_containers().begin(), spec.init_containers().end(), [&](const auto& container) {
        const ObservedContainer* latest = LatestHere(seen, container.name());
        if (latest == nullptr) return false;
        if (IsSidecar(container)) {
          return latest->phase == ContainerPhase::kRunning && probes.started.contains(latest->id);
        }
        return latest->phase == ContainerPhase::kExited && latest->exit_code == 0;
      });
}

}  // namespace berth::agent
