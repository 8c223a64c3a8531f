// SPDX-License-Identifier: Apache-2.0
#include "agent/status/pod_status.h"

#include <algorithm>
#include <set>

#include "agent/resources/quantities.h"
#include "agent/status/container_status.h"
#include "agent/sync/container_spec.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Container;
using api::core::v1::ContainerStatus;
using api::core::v1::Pod;
using api::core::v1::PodCondition;
using api::core::v1::PodStatus;
using Statuses = google::protobuf::RepeatedPtrField<ContainerStatus>;

constexpr std::string_view kOwnConditions[] = {"PodReadyToStartContainers", "Initialized", "Ready",
                                               "ContainersReady", "PodScheduled"};

constexpr std::string_view kDisruption = "DisruptionTarget";

const ContainerStatus* FindStatus(const Statuses& list, std::string_view name) {
  for (const auto& status : list) {
    if (status.name() == name) return &status;
  }
  return nullptr;
}

std::string Bracketed(const std::vector<std::string>& names) {
  return base::StrCat("[", base::Join(names, " "), "]");
}

// The phase by the containers' states.
class PhaseOf {
 public:
  PhaseOf(const StatusInputs& in, const PodStatus& status) : in_(in), status_(status) {}

  std::string Compute() {
    const auto& spec = in_.pod.spec();
    for (int i = 0; i < spec.init_containers_size(); ++i) {
      const Container& container = spec.init_containers(i);
      if (!IsSidecar(container)) CountInit(container, status_.init_container_statuses(i));
    }
    for (int i = 0; i < spec.containers_size(); ++i) {
      CountApp(spec.containers(i), status_.container_statuses(i));
    }
    if (init_failed_) return "Failed";
    if (init_pending_) return "Pending";
    // A container that waits for its first start holds the pod back; one that waits to come back
    // does not.
    if (unstarted_ > 0) return "Pending";
    if (running_ > 0 || restarting_ > 0) return "Running";
    if (stopped_ == 0) return "Pending";
    return failed_ > 0 ? "Failed" : "Succeeded";
  }

 private:
  void CountInit(const Container& container, const ContainerStatus& status) {
    const auto& ended = status.state().terminated();
    if (status.state().has_terminated()) {
      if (ended.exit_code() == 0) return;
      if (in_.terminating || !ShouldRestart(in_.pod, container, ended.exit_code())) {
        init_failed_ = true;
        return;
      }
    }
    // Once an app container has been there, initialization is history.
    const bool app_started =
        std::any_of(status_.container_statuses().begin(), status_.container_statuses().end(),
                    [](const auto& s) { return !s.container_id().empty(); });
    if (!app_started) init_pending_ = true;
  }

  void CountApp(const Container& container, const ContainerStatus& status) {
    const auto& state = status.state();
    if (state.has_running()) {
      ++running_;
    } else if (state.has_terminated()) {
      const int code = state.terminated().exit_code();
      if (!in_.terminating && ShouldRestart(in_.pod, container, code)) {
        ++restarting_;
        return;
      }
      ++stopped_;
      if (code != 0) ++failed_;
    } else if (status.last_state().has_terminated()) {
      ++restarting_;
    } else {
      ++unstarted_;
    }
  }

  const StatusInputs& in_;
  const PodStatus& status_;
  int running_ = 0;
  int restarting_ = 0;
  int stopped_ = 0;
  int failed_ = 0;
  int unstarted_ = 0;
  bool init_pending_ = false;
  bool init_failed_ = false;
};

struct Verdict {
  bool value = false;
  std::string reason;
  std::string message;
};

Verdict Initialized(const Pod& pod, const PodStatus& status) {
  if (status.phase() == "Succeeded") return {true, "PodCompleted", ""};
  std::vector<std::string> waiting;
  for (int i = 0; i < pod.spec().init_containers_size(); ++i) {
    const auto& state = status.init_container_statuses(i);
    const bool done = IsSidecar(pod.spec().init_containers(i)) ? state.started() : state.ready();
    if (!done) waiting.push_back(state.name());
  }
  const bool app_started =
      std::any_of(status.container_statuses().begin(), status.container_statuses().end(),
                  [](const auto& s) { return !s.container_id().empty(); });
  if (waiting.empty() || app_started) return {true, "", ""};
  return {false, "ContainersNotInitialized",
          base::StrCat("containers with incomplete status: ", Bracketed(waiting))};
}

Verdict ContainersReady(const Pod& pod, const PodStatus& status) {
  if (status.phase() == "Succeeded") return {false, "PodCompleted", ""};
  if (status.phase() == "Failed") return {false, "PodFailed", ""};
  std::vector<std::string> unready;
  for (int i = 0; i < pod.spec().init_containers_size(); ++i) {
    const auto& state = status.init_container_statuses(i);
    if (IsSidecar(pod.spec().init_containers(i)) && !state.ready()) unready.push_back(state.name());
  }
  for (const auto& state : status.container_statuses()) {
    if (!state.ready()) unready.push_back(state.name());
  }
  if (unready.empty()) return {true, "", ""};
  return {false, "ContainersNotReady",
          base::StrCat("containers with unready status: ", Bracketed(unready))};
}

Verdict Ready(const Pod& pod, const Verdict& containers) {
  if (!containers.value) return containers;
  std::vector<std::string> missing;
  for (const auto& gate : pod.spec().readiness_gates()) {
    const auto& conditions = pod.status().conditions();
    const auto it = std::find_if(conditions.begin(), conditions.end(),
                                 [&](const auto& c) { return c.type() == gate.condition_type(); });
    if (it == conditions.end()) {
      missing.push_back(base::StrCat("corresponding condition of pod readiness gate \"",
                                     gate.condition_type(), "\" does not exist."));
    } else if (it->status() != "True") {
      missing.push_back(base::StrCat("the status of pod readiness gate \"", gate.condition_type(),
                                     "\" is not \"True\", but ", it->status()));
    }
  }
  if (missing.empty()) return {true, "", ""};
  return {false, "ReadinessGatesNotReady", base::Join(missing, ", ")};
}

void SetCondition(const StatusInputs& in, std::string_view type, const Verdict& verdict,
                  PodStatus& out) {
  PodCondition condition;
  condition.set_type(std::string(type));
  condition.set_status(verdict.value ? "True" : "False");
  if (!verdict.reason.empty()) condition.set_reason(verdict.reason);
  if (!verdict.message.empty()) condition.set_message(verdict.message);
  if (in.pod.metadata().generation() > 0) {
    condition.set_observed_generation(in.pod.metadata().generation());
  }
  const auto& before = in.pod.status().conditions();
  const auto old =
      std::find_if(before.begin(), before.end(), [&](const auto& c) { return c.type() == type; });
  if (old != before.end() && old->status() == condition.status()) {
    *condition.mutable_last_transition_time() = old->last_transition_time();
  } else {
    condition.mutable_last_transition_time()->set_seconds(absl::ToUnixSeconds(in.now));
  }
  *out.add_conditions() = std::move(condition);
}

void FillConditions(const StatusInputs& in, PodStatus& out) {
  const bool disrupted = in.verdict.has_value() && !in.verdict->disruption.empty();
  for (const auto& condition : in.pod.status().conditions()) {
    if (disrupted && condition.type() == kDisruption) continue;
    if (std::find(std::begin(kOwnConditions), std::end(kOwnConditions), condition.type()) ==
        std::end(kOwnConditions)) {
      *out.add_conditions() = condition;
    }
  }
  const ObservedSandbox* sandbox = in.seen.LatestSandbox();
  const bool network =
      sandbox != nullptr && sandbox->ready && (sandbox->host_network || !sandbox->ips.empty());
  SetCondition(in, "PodReadyToStartContainers", {network, "", ""}, out);
  SetCondition(in, "Initialized", Initialized(in.pod, out), out);
  const Verdict containers = ContainersReady(in.pod, out);
  SetCondition(in, "Ready", Ready(in.pod, containers), out);
  SetCondition(in, "ContainersReady", containers, out);
  SetCondition(in, "PodScheduled", {true, "", ""}, out);
  if (disrupted) {
    SetCondition(in, kDisruption, {true, "TerminationByKubelet", in.verdict->disruption}, out);
  }
}

void FillAddresses(const StatusInputs& in, PodStatus& out) {
  for (const auto& ip : in.host_ips) out.add_host_ips()->set_ip(ip);
  if (!in.host_ips.empty()) out.set_host_ip(in.host_ips.front());
  const ObservedSandbox* sandbox = in.seen.LatestSandbox();
  std::vector<std::string> ips;
  if (in.pod.spec().host_network()) {
    if (sandbox != nullptr) ips = in.host_ips;
  } else if (sandbox != nullptr && !sandbox->ips.empty()) {
    ips = sandbox->ips;
  }
  if (ips.empty()) {
    // A stopped sandbox has no address any more; what the pod had stays readable.
    for (const auto& ip : in.pod.status().pod_ips()) ips.push_back(ip.ip());
  }
  for (const auto& ip : ips) out.add_pod_ips()->set_ip(ip);
  if (!ips.empty()) out.set_pod_ip(ips.front());
}

void FillContainers(const StatusInputs& in, PodStatus& out) {
  const auto& old = in.pod.status();
  const bool init_done = InitDone(in.pod, in.seen, in.probes);
  for (const auto& container : in.pod.spec().init_containers()) {
    *out.add_init_container_statuses() = ComputeContainerStatus(
        in, container, ContainerKind::kInit,
        FindStatus(old.init_container_statuses(), container.name()), init_done);
  }
  for (const auto& container : in.pod.spec().containers()) {
    *out.add_container_statuses() =
        ComputeContainerStatus(in, container, ContainerKind::kApp,
                               FindStatus(old.container_statuses(), container.name()), init_done);
  }
  for (const auto& ephemeral : in.pod.spec().ephemeral_containers()) {
    const Container container = AsContainer(ephemeral);
    *out.add_ephemeral_container_statuses() = ComputeContainerStatus(
        in, container, ContainerKind::kEphemeral,
        FindStatus(old.ephemeral_container_statuses(), container.name()), init_done);
  }
}

}  // namespace

bool IsTerminalPhase(std::string_view phase) { return phase == "Succeeded" || phase == "Failed"; }

PodStatus ComputePodStatus(const StatusInputs& in) {
  const PodStatus& old = in.pod.status();
  PodStatus out;
  FillContainers(in, out);
  if (IsTerminalPhase(old.phase())) {
    out.set_phase(old.phase());
  } else if (in.verdict.has_value() && !in.seen.AnyRunning()) {
    out.set_phase("Failed");
  } else {
    out.set_phase(PhaseOf(in, out).Compute());
    // A deleted pod reports its end only when nothing runs any more; it never goes back to Pending.
    if (out.phase() == "Pending" && old.phase() == "Running") out.set_phase("Running");
  }
  if (in.verdict.has_value()) {
    out.set_reason(in.verdict->reason);
    out.set_message(in.verdict->message);
  } else {
    if (!old.reason().empty()) out.set_reason(old.reason());
    if (!old.message().empty()) out.set_message(old.message());
  }
  FillAddresses(in, out);
  FillConditions(in, out);
  if (old.has_start_time()) {
    *out.mutable_start_time() = old.start_time();
  } else {
    out.mutable_start_time()->set_seconds(absl::ToUnixSeconds(in.now));
  }
  out.set_qos_class(!old.qos_class().empty() ? old.qos_class()
                                             : std::string(NameOf(QosOf(in.pod.spec()))));
  if (!old.nominated_node_name().empty()) out.set_nominated_node_name(old.nominated_node_name());
  if (in.pod.metadata().generation() > 0) {
    out.set_observed_generation(in.pod.metadata().generation());
  }
  *out.mutable_resource_claim_statuses() = old.resource_claim_statuses();
  if (old.has_resize()) out.set_resize(old.resize());
  return out;
}

}  // namespace berth::agent
