// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/daemon_set_plan.h"

#include <algorithm>
#include <map>

#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"
#include "controlplane/controllers/ownership.h"
#include "controlplane/controllers/pod_state.h"
#include "controlplane/controllers/scaled_value.h"
#include "controlplane/scheduler/filters.h"

namespace berth::controlplane {
namespace {

using api::apps::v1::DaemonSet;
using api::apps::v1::DaemonSetStatus;
using api::core::v1::Node;
using api::core::v1::Pod;
using api::core::v1::PodSpec;
using api::core::v1::Taint;

using PodsByNode = std::map<std::string, std::vector<PodPtr>>;  // oldest first

struct Tolerated {
  std::string_view key;
  std::string_view effect;
};
// What a daemon puts up with wherever it runs.
constexpr Tolerated kTolerated[] = {{"node.kubernetes.io/not-ready", "NoExecute"},
                                    {"node.kubernetes.io/unreachable", "NoExecute"},
                                    {"node.kubernetes.io/disk-pressure", "NoSchedule"},
                                    {"node.kubernetes.io/memory-pressure", "NoSchedule"},
                                    {"node.kubernetes.io/pid-pressure", "NoSchedule"},
                                    {"node.kubernetes.io/unschedulable", "NoSchedule"}};

void Tolerate(const Tolerated& what, PodSpec& spec) {
  for (const auto& there : spec.tolerations()) {
    if (there.key() == what.key && there.effect() == what.effect && there.operator_() == "Exists") {
      return;
    }
  }
  auto& toleration = *spec.add_tolerations();
  toleration.set_key(std::string(what.key));
  toleration.set_operator_("Exists");
  toleration.set_effect(std::string(what.effect));
}

void AddTolerations(PodSpec& spec) {
  for (const Tolerated& what : kTolerated) Tolerate(what, spec);
  if (spec.host_network()) {
    Tolerate({"node.kubernetes.io/network-unavailable", "NoSchedule"}, spec);
  }
}

// The template as it would run, for the predicates.
Pod Probe(const DaemonSet& set) {
  Pod pod;
  *pod.mutable_spec() = set.spec().template_().spec();
  AddTolerations(*pod.mutable_spec());
  return pod;
}

bool Refuses(const Pod& pod, const Taint& taint) {
  const auto& tolerations = pod.spec().tolerations();
  return std::none_of(tolerations.begin(), tolerations.end(),
                      [&](const auto& toleration) { return Tolerates(toleration, taint); });
}

NodeFit FitOfProbe(const Pod& pod, const Node& node) {
  const std::string& wanted = pod.spec().node_name();
  if (!wanted.empty() && wanted != node.metadata().name()) return {};
  if (!MatchesNodeAffinity(pod, node)) return {};
  NodeFit fit{true, true};
  for (const Taint& taint : node.spec().taints()) {
    if (!Refuses(pod, taint)) continue;
    if (taint.effect() == "NoExecute") return {};
    if (taint.effect() == "NoSchedule") fit.run = false;
  }
  return fit;
}

PodsByNode ByNode(const std::vector<PodPtr>& pods) {
  PodsByNode out;
  for (const PodPtr& pod : pods) {
    if (std::string node = TargetNode(*pod); !node.empty()) out[node].push_back(pod);
  }
  for (auto& [node, there] : out) {
    std::stable_sort(there.begin(), there.end(), [](const PodPtr& a, const PodPtr& b) {
      return ToTime(a->metadata().creation_timestamp()) <
             ToTime(b->metadata().creation_timestamp());
    });
  }
  return out;
}

bool IsUpdated(const DaemonSetInput& in, const Pod& pod) {
  const auto it = pod.metadata().labels().find(std::string(kRevisionHash));
  return it != pod.metadata().labels().end() && it->second == in.hash;
}

bool IsUp(const DaemonSetInput& in, const Pod& pod) {
  return IsAvailable(pod, absl::Seconds(in.set.spec().min_ready_seconds()), in.now);
}

int Surge(const DaemonSet& set, int nodes) {
  const auto& strategy = set.spec().update_strategy();
  if (strategy.type() == "OnDelete" || !strategy.rolling_update().has_max_surge()) return 0;
  return ScaledValue(strategy.rolling_update().max_surge(), nodes, Rounding::kUp);
}

int Unavailable(const DaemonSet& set, int nodes) {
  const auto& rolling = set.spec().update_strategy().rolling_update();
  if (!rolling.has_max_unavailable()) return Surge(set, nodes) > 0 ? 0 : 1;
  const int value = ScaledValue(rolling.max_unavailable(), nodes, Rounding::kUp);
  return value == 0 && Surge(set, nodes) == 0 ? 1 : value;
}

int DesiredNodes(const DaemonSetInput& in) {
  const Pod probe = Probe(in.set);
  return static_cast<int>(std::count_if(in.nodes.begin(), in.nodes.end(), [&](const NodePtr& node) {
    return FitOfProbe(probe, *node).run;
  }));
}

// Of several living pods on one node one is enough; during a surge an old and a new one.
void Prune(const DaemonSetInput& in, std::vector<PodPtr> running, bool surges,
           DaemonSetPlan& plan) {
  if (!surges) {
    plan.remove.insert(plan.remove.end(), running.begin() + (running.empty() ? 0 : 1),
                       running.end());
    return;
  }
  bool old_kept = false, new_kept = false;
  for (const PodPtr& pod : running) {
    bool& kept = IsUpdated(in, *pod) ? new_kept : old_kept;
    if (kept) plan.remove.push_back(pod);
    kept = true;
  }
}

void Limit(DaemonSetPlan& plan) {
  if (plan.create.size() > kDaemonBurst) plan.create.resize(kDaemonBurst);
  if (plan.remove.size() > kDaemonBurst) plan.remove.resize(kDaemonBurst);
}

// The living pods of a node by their revision.
struct Pair {
  PodPtr old_pod;
  PodPtr new_pod;
};
Pair PairOf(const DaemonSetInput& in, const std::vector<PodPtr>& pods) {
  Pair pair;
  for (const PodPtr& pod : pods) {
    if (!IsActive(*pod)) continue;
    PodPtr& slot = IsUpdated(in, *pod) ? pair.new_pod : pair.old_pod;
    if (slot == nullptr) slot = pod;
  }
  return pair;
}

// Old pods go first where they are of no use, then as far as maxUnavailable allows.
void ReplaceInPlace(const DaemonSetInput& in, int budget, DaemonSetPlan& plan) {
  std::vector<PodPtr> candidates;
  for (const auto& [node, pods] : ByNode(in.pods)) {
    const Pair pair = PairOf(in, pods);
    if (pair.old_pod != nullptr && pair.new_pod == nullptr) {
      if (IsUp(in, *pair.old_pod)) {
        candidates.push_back(pair.old_pod);
        continue;
      }
      plan.remove.push_back(pair.old_pod);
      --budget;
    } else if (pair.new_pod == nullptr || pair.old_pod != nullptr || !IsUp(in, *pair.new_pod)) {
      --budget;
    }
  }
  for (int i = 0; i < budget && i < static_cast<int>(candidates.size()); ++i) {
    plan.remove.push_back(candidates[i]);
  }
}

// A new pod comes up beside the old one, which goes once the new one is available.
void ReplaceBySurge(const DaemonSetInput& in, int budget, DaemonSetPlan& plan) {
  std::vector<std::string> candidates;
  for (const auto& [node, pods] : ByNode(in.pods)) {
    const Pair pair = PairOf(in, pods);
    if (pair.old_pod == nullptr) continue;
    if (pair.new_pod != nullptr) {
      if (IsUp(in, *pair.new_pod)) {
        plan.remove.push_back(pair.old_pod);
      } else {
        --budget;
      }
    } else if (IsUp(in, *pair.old_pod)) {
      candidates.push_back(node);
    } else {
      plan.create.push_back(node);
      plan.remove.push_back(pair.old_pod);
    }
  }
  for (int i = 0; i < budget && i < static_cast<int>(candidates.size()); ++i) {
    plan.create.push_back(candidates[i]);
  }
}

}  // namespace

NodeFit FitOf(const DaemonSet& set, const Node& node) { return FitOfProbe(Probe(set), node); }

std::string TargetNode(const Pod& pod) {
  if (!pod.spec().node_name().empty()) return pod.spec().node_name();
  const auto& required =
      pod.spec().affinity().node_affinity().required_during_scheduling_ignored_during_execution();
  for (const auto& term : required.node_selector_terms()) {
    for (const auto& field : term.match_fields()) {
      if (field.key() == "metadata.name" && field.operator_() == "In" && field.values_size() == 1) {
        return field.values(0);
      }
    }
  }
  return "";
}

Pod MakeDaemonPod(const DaemonSet& set, std::string_view hash, std::string_view node) {
  Pod pod;
  const auto& from = set.spec().template_();
  *pod.mutable_spec() = from.spec();
  AddTolerations(*pod.mutable_spec());
  auto& meta = *pod.mutable_metadata();
  *meta.mutable_labels() = from.metadata().labels();
  (*meta.mutable_labels())[std::string(kRevisionHash)] = std::string(hash);
  *meta.mutable_annotations() = from.metadata().annotations();
  *meta.mutable_finalizers() = from.metadata().finalizers();
  meta.set_generate_name(base::StrCat(set.metadata().name(), "-"));
  meta.set_namespace_(set.metadata().namespace_());
  AddControllerRef(set, meta);
  // What the template asks of nodes was checked already; terms are alternatives, so the pin has to
  // be the only one.
  auto& required = *pod.mutable_spec()
                        ->mutable_affinity()
                        ->mutable_node_affinity()
                        ->mutable_required_during_scheduling_ignored_during_execution();
  required.clear_node_selector_terms();
  auto& pin = *required.add_node_selector_terms()->add_match_fields();
  pin.set_key("metadata.name");
  pin.set_operator_("In");
  pin.add_values(std::string(node));
  return pod;
}

DaemonSetPlan PlanDaemonSet(const DaemonSetInput& in) {
  DaemonSetPlan plan;
  const Pod probe = Probe(in.set);
  PodsByNode by_node = ByNode(in.pods);
  const bool surges = Surge(in.set, DesiredNodes(in)) > 0;
  for (const NodePtr& node : in.nodes) {
    const NodeFit fit = FitOfProbe(probe, *node);
    const auto it = by_node.find(node->metadata().name());
    if (it == by_node.end()) {
      if (fit.run) plan.create.push_back(node->metadata().name());
      continue;
    }
    std::vector<PodPtr> running;
    for (const PodPtr& pod : it->second) {
      if (IsTerminating(*pod)) continue;
      if (!fit.stay) {
        plan.remove.push_back(pod);
      } else {
        (IsFinished(*pod) ? plan.ended : running).push_back(pod);
      }
    }
    Prune(in, std::move(running), surges, plan);
  }
  Limit(plan);
  return plan;
}

DaemonSetPlan PlanDaemonUpdate(const DaemonSetInput& in) {
  DaemonSetPlan plan;
  if (in.set.spec().update_strategy().type() == "OnDelete") return plan;
  const int nodes = DesiredNodes(in);
  if (const int surge = Surge(in.set, nodes); surge > 0) {
    ReplaceBySurge(in, surge, plan);
  } else {
    ReplaceInPlace(in, Unavailable(in.set, nodes), plan);
  }
  Limit(plan);
  return plan;
}

DaemonSetStatus DaemonSetStatusOf(const DaemonSetInput& in) {
  int desired = 0, current = 0, misplaced = 0, ready = 0, available = 0, updated = 0;
  const Pod probe = Probe(in.set);
  const PodsByNode by_node = ByNode(in.pods);
  for (const NodePtr& node : in.nodes) {
    const auto it = by_node.find(node->metadata().name());
    const bool there = it != by_node.end();
    if (!FitOfProbe(probe, *node).run) {
      misplaced += there ? 1 : 0;
      continue;
    }
    ++desired;
    if (!there) continue;
    ++current;
    const Pod& pod = *it->second.front();
    ready += IsReady(pod) ? 1 : 0;
    available += IsUp(in, pod) ? 1 : 0;
    updated += IsUpdated(in, pod) ? 1 : 0;
  }
  DaemonSetStatus status;
  *status.mutable_conditions() = in.set.status().conditions();
  if (in.set.status().has_collision_count()) {
    status.set_collision_count(in.set.status().collision_count());
  }
  status.set_observed_generation(in.set.metadata().generation());
  status.set_desired_number_scheduled(desired);
  status.set_current_number_scheduled(current);
  status.set_number_misscheduled(misplaced);
  status.set_number_ready(ready);
  status.set_updated_number_scheduled(updated);
  status.set_number_available(available);
  status.set_number_unavailable(desired - available);
  return status;
}

absl::Time NextDaemonAvailability(const DaemonSetInput& in) {
  absl::Time next = absl::InfiniteFuture();
  const absl::Duration min_ready = absl::Seconds(in.set.spec().min_ready_seconds());
  for (const PodPtr& pod : in.pods) {
    const absl::Time at = AvailableAt(*pod, min_ready);
    if (at > in.now) next = std::min(next, at);
  }
  return next;
}

}  // namespace berth::controlplane
