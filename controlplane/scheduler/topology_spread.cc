// SPDX-License-Identifier: Apache-2.0
#include "controlplane/scheduler/topology_spread.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "controlplane/controllers/pod_state.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Node;
using api::core::v1::Pod;
using api::core::v1::TopologySpreadConstraint;

const std::string* DomainOf(const TopologySpreadConstraint& rule, const Node& node) {
  const auto it = node.metadata().labels().find(rule.topology_key());
  return it == node.metadata().labels().end() ? nullptr : &it->second;
}

// Nodes that the pod could never go to do not count, unless the constraint says so.
bool Counts(const TopologySpreadConstraint& rule, const Pod& pod, const Node& node) {
  if (rule.node_affinity_policy() != "Ignore" && !MatchesNodeAffinity(pod, node)) return false;
  if (rule.node_taints_policy() != "Honor") return true;
  const auto& tolerations = pod.spec().tolerations();
  return std::all_of(node.spec().taints().begin(), node.spec().taints().end(),
                     [&](const auto& taint) {
                       return taint.effect() == "PreferNoSchedule" ||
                              std::any_of(tolerations.begin(), tolerations.end(),
                                          [&](const auto& t) { return Tolerates(t, taint); });
                     });
}

}  // namespace

TopologySpread::TopologySpread(const Pod& pod, const ClusterSnapshot& cluster)
    : pod_(pod), cluster_(cluster) {
  for (const auto& rule : pod.spec().topology_spread_constraints()) {
    (rule.when_unsatisfiable() == "ScheduleAnyway" ? soft_ : hard_).push_back(Prepare(rule));
  }
}

bool TopologySpread::Selected(const Constraint& constraint, const Pod& other) const {
  if (other.metadata().namespace_() != pod_.metadata().namespace_()) return false;
  for (const std::string& key : constraint.rule->match_label_keys()) {
    const auto mine = pod_.metadata().labels().find(key);
    if (mine == pod_.metadata().labels().end()) continue;
    const auto theirs = other.metadata().labels().find(key);
    if (theirs == other.metadata().labels().end() || theirs->second != mine->second) return false;
  }
  return constraint.selector.Matches(other.metadata().labels());
}

TopologySpread::Constraint TopologySpread::Prepare(const TopologySpreadConstraint& rule) const {
  Constraint constraint{&rule, api::LabelSelector::Nothing(), false, {}};
  if (rule.has_label_selector()) {
    auto selector = api::LabelSelector::Of(rule.label_selector());
    if (selector.ok()) constraint.selector = *std::move(selector);
  }
  constraint.counts_itself = Selected(constraint, pod_);
  for (const NodeState* node : cluster_.Nodes()) {
    const std::string* domain = DomainOf(rule, *node->node);
    if (domain == nullptr || !Counts(rule, pod_, *node->node)) continue;
    int& count = constraint.pods[*domain];
    for (const auto& [uid, placed] : node->pods) {
      if (!IsTerminating(*placed.pod) && Selected(constraint, *placed.pod)) ++count;
    }
  }
  return constraint;
}

int TopologySpread::Constraint::Least() const {
  if (rule->has_min_domains() && static_cast<int>(pods.size()) < rule->min_domains()) return 0;
  int least = std::numeric_limits<int>::max();
  for (const auto& [domain, count] : pods) least = std::min(least, count);
  return pods.empty() ? 0 : least;
}

Rejection TopologySpread::Check(const NodeState& node) const {
  for (const Constraint& constraint : hard_) {
    const std::string* domain = DomainOf(*constraint.rule, *node.node);
    if (domain == nullptr) {
      return {{"node(s) didn't match pod topology spread constraints (missing required label)"},
              false};
    }
    const auto there = constraint.pods.find(*domain);
    const int count =
        (there == constraint.pods.end() ? 0 : there->second) + (constraint.counts_itself ? 1 : 0);
    if (count - constraint.Least() > constraint.rule->max_skew()) {
      return {{"node(s) didn't match pod topology spread constraints"}, true};
    }
  }
  return {};
}

double TopologySpread::Crowding(const NodeState& node) const {
  double crowding = 0;
  for (const Constraint& constraint : soft_) {
    const std::string* domain = DomainOf(*constraint.rule, *node.node);
    // A node outside every domain is the last choice.
    const double weight = std::log(static_cast<double>(constraint.pods.size()) + 2);
    if (domain == nullptr) {
      crowding += 1e6;
      continue;
    }
    const auto there = constraint.pods.find(*domain);
    const int count = there == constraint.pods.end() ? 0 : there->second;
    crowding += count * weight + (constraint.rule->max_skew() - 1);
  }
  return crowding;
}

}  // namespace berth::controlplane
