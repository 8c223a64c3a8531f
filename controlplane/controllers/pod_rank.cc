// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/pod_rank.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <tuple>

#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"
#include "controlplane/controllers/pod_state.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Pod;

int PhaseRank(const Pod& pod) {
  if (pod.status().phase() == "Running") return 2;
  return pod.status().phase() == "Unknown" ? 1 : 0;
}

int DeletionCost(const Pod& pod) {
  const auto& annotations = pod.metadata().annotations();
  const auto it = annotations.find("controller.kubernetes.io/pod-deletion-cost");
  if (it == annotations.end()) return 0;
  return base::ParseInt<int>(it->second).value_or(0);
}

int Restarts(const Pod& pod) {
  int most = 0;
  for (const auto& status : pod.status().container_statuses()) {
    most = std::max(most, status.restart_count());
  }
  return most;
}

// The magnitude of an age: ages that differ by less than a factor of two mostly share one. A time
// that is not known counts as the youngest.
int64_t AgeRank(std::optional<absl::Time> since, absl::Time now) {
  if (!since.has_value()) return -2;
  const int64_t nanoseconds = absl::ToInt64Nanoseconds(now - *since);
  return nanoseconds > 0 ? static_cast<int64_t>(std::log2(static_cast<double>(nanoseconds))) : -1;
}

std::optional<absl::Time> ReadySince(const Pod& pod) {
  const auto* ready = FindCondition(pod, "Ready");
  if (ready == nullptr || ready->status() != "True" || !ready->has_last_transition_time())
    return {};
  return ToTime(ready->last_transition_time());
}

std::optional<absl::Time> CreatedAt(const Pod& pod) {
  if (!pod.metadata().has_creation_timestamp()) return {};
  return ToTime(pod.metadata().creation_timestamp());
}

struct Ranked {
  PodPtr pod;
  // Compared from left to right; the smallest goes first.
  std::tuple<bool, int, bool, int, int, int64_t, int, int64_t, std::string_view> order;
};

}  // namespace

std::vector<PodPtr> RankForDeletion(std::vector<PodPtr> pods, const std::vector<PodPtr>& siblings,
                                    absl::Time now) {
  base::StringMap<int> on_node;
  for (const PodPtr& pod : siblings) {
    if (IsActive(*pod)) ++on_node[pod->spec().node_name()];
  }
  std::vector<Ranked> ranked;
  ranked.reserve(pods.size());
  for (PodPtr& pod : pods) {
    const bool ready = IsReady(*pod);
    const auto found = on_node.find(pod->spec().node_name());
    const int doubled = found == on_node.end() ? 0 : found->second;
    ranked.push_back({pod,
                      {!pod->spec().node_name().empty(), PhaseRank(*pod), ready, DeletionCost(*pod),
                       -doubled, ready ? AgeRank(ReadySince(*pod), now) : 0, -Restarts(*pod),
                       AgeRank(CreatedAt(*pod), now), pod->metadata().uid()}});
  }
  std::sort(ranked.begin(), ranked.end(),
            [](const Ranked& a, const Ranked& b) { return a.order < b.order; });
  for (size_t i = 0; i < ranked.size(); ++i) pods[i] = std::move(ranked[i].pod);
  return pods;
}

}  // namespace berth::controlplane
