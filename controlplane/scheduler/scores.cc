// SPDX-License-Identifier: Apache-2.0
#include "controlplane/scheduler/scores.h"

#include <algorithm>
#include <cmath>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "controlplane/controllers/ownership.h"
#include "controlplane/scheduler/node_affinity.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Node;
using api::core::v1::Pod;

double Fraction(const PodAsk& ask, const NodeState& node, std::string_view resource) {
  const double all = static_cast<double>(node.allocatable.Get(resource));
  if (all <= 0) return 1;
  const double used = static_cast<double>(node.typical.Get(resource) + ask.typical.Get(resource));
  return std::min(1.0, used / all);
}

double Room(const PodAsk& ask, const NodeState& node) {
  return 100 * (1 - (Fraction(ask, node, "cpu") + Fraction(ask, node, "memory")) / 2);
}

double Balance(const PodAsk& ask, const NodeState& node) {
  return 100 * (1 - std::abs(Fraction(ask, node, "cpu") - Fraction(ask, node, "memory")) / 2);
}

double PreferredWeight(const Pod& pod, const Node& node) {
  double weight = 0;
  for (const auto& preferred : pod.spec()
                                   .affinity()
                                   .node_affinity()
                                   .preferred_during_scheduling_ignored_during_execution()) {
    if (Matches(preferred.preference(), node)) weight += preferred.weight();
  }
  return weight;
}

double AvoidedTaints(const Pod& pod, const Node& node) {
  double count = 0;
  for (const auto& taint : node.spec().taints()) {
    if (taint.effect() != "PreferNoSchedule") continue;
    const auto& tolerations = pod.spec().tolerations();
    if (std::none_of(tolerations.begin(), tolerations.end(),
                     [&](const auto& t) { return Tolerates(t, taint); })) {
      ++count;
    }
  }
  return count;
}

// Bytes of the pod's images that the node already has.
double LocalImageBytes(const Pod& pod, const Node& node) {
  double bytes = 0;
  for (const auto& container : pod.spec().containers()) {
    for (const auto& image : node.status().images()) {
      const auto& names = image.names();
      if (std::find(names.begin(), names.end(), container.image()) == names.end()) continue;
      bytes += static_cast<double>(image.size_bytes());
      break;
    }
  }
  return bytes;
}

double SiblingPods(const Pod& pod, const NodeState& node) {
  const std::string_view owner = ControllerUid(pod.metadata());
  if (owner.empty()) return 0;
  const auto it = node.per_owner.find(owner);
  return it == node.per_owner.end() ? 0 : it->second;
}

enum class Best { kHighest, kLowest };

// Spreads values over 0..100; equal values are all worth the same.
template <class Value>
void AddNormalized(const std::vector<const NodeState*>& nodes, double weight, Best best,
                   Value&& value, std::vector<double>& scores) {
  std::vector<double> values;
  for (const NodeState* node : nodes) values.push_back(value(*node));
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double range = *high - *low, least = *low;
  if (range <= 0) return;
  for (size_t i = 0; i < values.size(); ++i) {
    const double share = (values[i] - least) / range;
    scores[i] += weight * 100 * (best == Best::kHighest ? share : 1 - share);
  }
}

}  // namespace

std::vector<double> ScoreNodes(const PodAsk& ask, const std::vector<const NodeState*>& nodes,
                               const PodAffinity& affinity, const TopologySpread& spread) {
  const Pod& pod = *ask.pod;
  std::vector<double> scores(nodes.size(), 0);
  if (nodes.empty()) return scores;
  for (size_t i = 0; i < nodes.size(); ++i) {
    scores[i] += Room(ask, *nodes[i]) + Balance(ask, *nodes[i]);
    // Images count by size, up to one gigabyte.
    scores[i] += 100 * std::min(1.0, LocalImageBytes(pod, *nodes[i]->node) / 1e9);
  }
  AddNormalized(
      nodes, 3, Best::kLowest, [&](const NodeState& n) { return AvoidedTaints(pod, *n.node); },
      scores);
  AddNormalized(
      nodes, 2, Best::kHighest, [&](const NodeState& n) { return PreferredWeight(pod, *n.node); },
      scores);
  AddNormalized(
      nodes, 2, Best::kLowest, [&](const NodeState& n) { return SiblingPods(pod, n); }, scores);
  AddNormalized(
      nodes, 2, Best::kLowest, [&](const NodeState& n) { return spread.Crowding(n); }, scores);
  AddNormalized(
      nodes, 2, Best::kHighest,
      [&](const NodeState& n) { return static_cast<double>(affinity.Score(n)); }, scores);
  return scores;
}

}  // namespace berth::controlplane
