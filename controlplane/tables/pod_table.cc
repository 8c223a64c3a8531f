// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/pod_spec.pb.h"
#include "base/strings.h"
#include "controlplane/tables/table.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Container;
using api::core::v1::ContainerStatus;
using api::core::v1::Pod;
using base::StrCat;

struct PodSummary {
  std::string reason;
  int ready = 0;
  int total = 0;
  int restarts = 0;
  absl::Time last_restart = absl::InfinitePast();
};

std::string TerminatedReason(const api::core::v1::ContainerStateTerminated& state) {
  if (!state.reason().empty()) return state.reason();
  if (state.signal() != 0) return StrCat("Signal:", state.signal());
  return StrCat("ExitCode:", state.exit_code());
}

bool IsRestartable(const Pod& pod, std::string_view container) {
  for (const Container& init : pod.spec().init_containers()) {
    if (init.name() == container) return init.restart_policy() == "Always";
  }
  return false;
}

void CountRestarts(const ContainerStatus& status, PodSummary& out) {
  out.restarts += status.restart_count();
  if (!status.last_state().has_terminated()) return;
  const absl::Time at =
      absl::FromUnixSeconds(status.last_state().terminated().finished_at().seconds());
  out.last_restart = std::max(out.last_restart, at);
}

// True while the pod still initializes; then `out.reason` says how far it is.
bool SummarizeInit(const Pod& pod, PodSummary& out) {
  PodSummary restartable;
  for (int i = 0; i < pod.status().init_container_statuses_size(); ++i) {
    const ContainerStatus& status = pod.status().init_container_statuses(i);
    CountRestarts(status, out);
    const bool sidecar = IsRestartable(pod, status.name());
    if (sidecar) {
      CountRestarts(status, restartable);
      if (status.ready()) ++restartable.ready;
    }
    if (status.state().has_terminated() && status.state().terminated().exit_code() == 0) continue;
    if (sidecar && status.started()) continue;
    const auto& state = status.state();
    if (state.has_terminated()) {
      out.reason = StrCat("Init:", TerminatedReason(state.terminated()));
    } else if (state.has_waiting() && !state.waiting().reason().empty() &&
               state.waiting().reason() != "PodInitializing") {
      out.reason = StrCat("Init:", state.waiting().reason());
    } else {
      out.reason = StrCat("Init:", i, "/", pod.spec().init_containers_size());
    }
    return true;
  }
  // From here on only restartable init containers count as running ones do.
  out.restarts = restartable.restarts;
  out.last_restart = restartable.last_restart;
  out.ready = restartable.ready;
  return false;
}

bool IsConditionTrue(const Pod& pod, std::string_view type) {
  return std::any_of(pod.status().conditions().begin(), pod.status().conditions().end(),
                     [type](const auto& condition) {
                       return condition.type() == type && condition.status() == "True";
                     });
}

void SummarizeContainers(const Pod& pod, PodSummary& out) {
  bool running = false;
  for (int i = pod.status().container_statuses_size() - 1; i >= 0; --i) {
    const ContainerStatus& status = pod.status().container_statuses(i);
    CountRestarts(status, out);
    const auto& state = status.state();
    if (state.has_waiting() && !state.waiting().reason().empty()) {
      out.reason = state.waiting().reason();
    } else if (state.has_terminated()) {
      out.reason = TerminatedReason(state.terminated());
    } else if (status.ready() && state.has_running()) {
      running = true;
      ++out.ready;
    }
  }
  // Completed containers beside a running one do not make the pod look completed.
  if (out.reason == "Completed" && running) {
    out.reason = IsConditionTrue(pod, "Ready") ? "Running" : "NotReady";
  }
}

PodSummary Summarize(const Pod& pod) {
  PodSummary out;
  out.reason = pod.status().reason().empty() ? pod.status().phase() : pod.status().reason();
  for (const auto& condition : pod.status().conditions()) {
    if (condition.type() == "PodScheduled" && condition.reason() == "SchedulingGated") {
      out.reason = "SchedulingGated";
    }
  }
  out.total = pod.spec().containers_size();
  for (const Container& init : pod.spec().init_containers()) {
    if (init.restart_policy() == "Always") ++out.total;
  }
  if (!SummarizeInit(pod, out) || IsConditionTrue(pod, "Initialized")) {
    SummarizeContainers(pod, out);
  }
  if (pod.metadata().has_deletion_timestamp()) {
    if (pod.status().reason() == "NodeLost") {
      out.reason = "Unknown";
    } else if (pod.status().phase() != "Failed" && pod.status().phase() != "Succeeded") {
      out.reason = "Terminating";
    }
  }
  return out;
}

std::string ReadinessGates(const Pod& pod) {
  if (pod.spec().readiness_gates().empty()) return "<none>";
  int met = 0;
  for (const auto& gate : pod.spec().readiness_gates()) {
    if (IsConditionTrue(pod, gate.condition_type())) ++met;
  }
  return StrCat(met, "/", pod.spec().readiness_gates_size());
}

std::vector<std::string> PodRow(const api::Message& object, absl::Time now) {
  const auto& pod = static_cast<const Pod&>(object);
  const PodSummary summary = Summarize(pod);
  std::string restarts = StrCat(summary.restarts);
  if (summary.restarts != 0 && summary.last_restart != absl::InfinitePast()) {
    base::StrAppend(restarts, " (", HumanDuration(now - summary.last_restart), " ago)");
  }
  std::string ip = pod.status().pod_ip();
  if (pod.status().pod_ips_size() > 0) ip = pod.status().pod_ips(0).ip();
  return {NameCell(object),
          TextCell(StrCat(summary.ready, "/", summary.total)),
          TextCell(summary.reason),
          TextCell(restarts),
          AgeCell(object, now),
          TextCell(OrNone(ip)),
          TextCell(OrNone(pod.spec().node_name())),
          TextCell(OrNone(pod.status().nominated_node_name())),
          TextCell(ReadinessGates(pod))};
}

}  // namespace

std::vector<NamedPrinter> PodPrinters() {
  return {{"",
           "Pod",
           {{{.name = "Name", .format = "name"},
             {.name = "Ready"},
             {.name = "Status"},
             {.name = "Restarts"},
             {.name = "Age"},
             {.name = "IP", .priority = 1},
             {.name = "Node", .priority = 1},
             {.name = "Nominated Node", .priority = 1},
             {.name = "Readiness Gates", .priority = 1}},
            PodRow}}};
}

}  // namespace berth::controlplane
