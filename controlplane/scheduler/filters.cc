// SPDX-License-Identifier: Apache-2.0
#include "controlplane/scheduler/filters.h"

#include <algorithm>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"
#include "controlplane/scheduler/node_affinity.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Node;
using api::core::v1::Pod;
using api::core::v1::Taint;
using api::core::v1::Toleration;

Rejection No(std::string reason, bool curable) { return {{std::move(reason)}, curable}; }

bool ToleratedByAny(const Pod& pod, const Taint& taint) {
  const auto& tolerations = pod.spec().tolerations();
  return std::any_of(tolerations.begin(), tolerations.end(),
                     [&](const Toleration& t) { return Tolerates(t, taint); });
}

Rejection CheckUnschedulable(const Pod& pod, const Node& node) {
  if (!node.spec().unschedulable()) return {};
  Taint cordon;
  cordon.set_key("node.kubernetes.io/unschedulable");
  cordon.set_effect("NoSchedule");
  if (ToleratedByAny(pod, cordon)) return {};
  return No("node(s) were unschedulable", false);
}

Rejection CheckTaints(const Pod& pod, const Node& node) {
  for (const Taint& taint : node.spec().taints()) {
    if (taint.effect() != "NoSchedule" && taint.effect() != "NoExecute") continue;
    if (ToleratedByAny(pod, taint)) continue;
    return No(
        base::StrCat("node(s) had untolerated taint {", taint.key(), ": ", taint.value(), "}"),
        false);
  }
  return {};
}

bool Conflict(const HostPort& a, const HostPort& b) {
  return a.port == b.port && a.protocol == b.protocol &&
         (a.address == b.address || a.address == "0.0.0.0" || b.address == "0.0.0.0");
}

Rejection CheckPorts(const PodAsk& ask, const NodeState& state) {
  for (const HostPort& wanted : ask.ports) {
    // Ports sort by number first.
    for (auto it = state.ports.lower_bound({wanted.port, "", ""});
         it != state.ports.end() && it->port == wanted.port; ++it) {
      if (Conflict(wanted, *it)) {
        return No("node(s) didn't have free ports for the requested pod ports", true);
      }
    }
  }
  return {};
}

Rejection CheckResources(const PodAsk& ask, const NodeState& state) {
  Rejection rejection{{}, true};
  if (static_cast<int64_t>(state.pods.size()) + 1 > state.allocatable.Get("pods")) {
    rejection.reasons.push_back("Too many pods");
  }
  for (const auto& [name, wanted] : ask.requests.amounts()) {
    if (wanted <= 0) continue;
    const int64_t all = state.allocatable.Get(name);
    if (wanted <= all - state.requested.Get(name)) continue;
    rejection.reasons.push_back(base::StrCat("Insufficient ", name));
    if (wanted > all) rejection.curable = false;
  }
  return rejection;
}

}  // namespace

PodAsk::PodAsk(PodPtr p)
    : pod(std::move(p)),
      requests(RequestsOf(*pod, Missing::kZero)),
      typical(RequestsOf(*pod, Missing::kTypical)),
      ports(HostPortsOf(*pod)) {}

bool Tolerates(const Toleration& toleration, const Taint& taint) {
  if (!toleration.effect().empty() && toleration.effect() != taint.effect()) return false;
  if (!toleration.key().empty() && toleration.key() != taint.key()) return false;
  if (toleration.operator_() == "Exists") return true;
  if (!toleration.operator_().empty() && toleration.operator_() != "Equal") return false;
  return !toleration.key().empty() && toleration.value() == taint.value();
}

bool MatchesNodeAffinity(const Pod& pod, const Node& node) {
  const auto& labels = node.metadata().labels();
  for (const auto& [key, value] : pod.spec().node_selector()) {
    const auto it = labels.find(key);
    if (it == labels.end() || it->second != value) return false;
  }
  const auto& affinity = pod.spec().affinity().node_affinity();
  return !affinity.has_required_during_scheduling_ignored_during_execution() ||
         Matches(affinity.required_during_scheduling_ignored_during_execution(), node);
}

Rejection CheckNode(const PodAsk& ask, const NodeState& state) {
  const Pod& pod = *ask.pod;
  if (auto no = CheckUnschedulable(pod, *state.node); !no.reasons.empty()) return no;
  if (!pod.spec().node_name().empty() && pod.spec().node_name() != state.name()) {
    return No("node(s) didn't match the requested node name", false);
  }
  if (auto no = CheckTaints(pod, *state.node); !no.reasons.empty()) return no;
  if (!MatchesNodeAffinity(pod, *state.node)) {
    return No("node(s) didn't match Pod's node affinity/selector", false);
  }
  if (auto no = CheckPorts(ask, state); !no.reasons.empty()) return no;
  return CheckResources(ask, state);
}

}  // namespace berth::controlplane
