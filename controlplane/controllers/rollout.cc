// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/rollout.h"

#include <algorithm>
#include <cmath>

#include "api/proto/apps/v1/apps.pb.h"
#include "base/strings.h"
#include "controlplane/controllers/deployment_sets.h"
#include "controlplane/controllers/pod_state.h"
#include "controlplane/controllers/scaled_value.h"

namespace berth::controlplane {
namespace {

using api::apps::v1::Deployment;
using api::apps::v1::ReplicaSet;
using Sets = std::vector<const ReplicaSet*>;

struct Fences {
  int surge = 0;
  int unavailable = 0;
};

Fences ResolveFences(const Deployment& deployment) {
  if (IsRecreate(deployment)) return {};
  api::IntOrString quarter;
  quarter.set_type(1);
  quarter.set_str_val("25%");
  const auto& rolling = deployment.spec().strategy().rolling_update();
  const int total = ReplicasOf(deployment);
  Fences fences;
  fences.surge =
      ScaledValue(rolling.has_max_surge() ? rolling.max_surge() : quarter, total, Rounding::kUp);
  fences.unavailable = ScaledValue(
      rolling.has_max_unavailable() ? rolling.max_unavailable() : quarter, total, Rounding::kDown);
  if (fences.surge == 0 && fences.unavailable == 0) fences.unavailable = 1;
  fences.unavailable = std::min(fences.unavailable, total);
  return fences;
}

int TotalReplicas(const std::vector<SetSize>& sizes) {
  int total = 0;
  for (const SetSize& size : sizes) total += size.replicas;
  return total;
}

Sets Active(const Sets& sets) {
  Sets active;
  for (const ReplicaSet* set : sets) {
    if (ReplicasOf(*set) > 0) active.push_back(set);
  }
  return active;
}

Sets All(const RolloutSets& sets) {
  Sets all = sets.old;
  if (sets.current != nullptr) all.push_back(sets.current);
  return all;
}

std::vector<SetSize> Sizes(const Sets& sets) {
  std::vector<SetSize> sizes;
  for (const ReplicaSet* set : sets) sizes.push_back({set, ReplicasOf(*set)});
  return sizes;
}

// Only those whose size is another than now.
std::vector<SetSize> Changed(std::vector<SetSize> sizes) {
  std::erase_if(sizes, [](const SetSize& s) { return s.replicas == ReplicasOf(*s.set); });
  return sizes;
}

absl::Time Created(const ReplicaSet& set) { return ToTime(set.metadata().creation_timestamp()); }

// The only set that runs pods, or the newest when none does; nullptr when several do.
const ReplicaSet* ActiveOrLatest(const RolloutSets& sets) {
  const Sets active = Active(All(sets));
  if (active.size() > 1) return nullptr;
  if (active.size() == 1) return active.front();
  if (sets.current != nullptr) return sets.current;
  const auto newest = std::max_element(
      sets.old.begin(), sets.old.end(),
      [](const ReplicaSet* a, const ReplicaSet* b) { return Created(*a) < Created(*b); });
  return newest == sets.old.end() ? nullptr : *newest;
}

// The current set runs everything that is asked for.
bool IsSaturated(const Deployment& deployment, const ReplicaSet* set) {
  const int wanted = ReplicasOf(deployment);
  return set != nullptr && AnnotatedNumber(*set, kDesiredReplicasAnnotation) == wanted &&
         ReplicasOf(*set) == wanted && set->status().available_replicas() == wanted;
}

// The part of a change in size that falls to one set.
int Share(const Deployment& deployment, const ReplicaSet& set) {
  const int size = ReplicasOf(set);
  if (ReplicasOf(deployment) == 0) return -size;
  int before = AnnotatedNumber(set, kMaxReplicasAnnotation).value_or(0);
  if (before <= 0) before = deployment.status().replicas();
  if (before <= 0) return 0;
  const double after = ReplicasOf(deployment) + MaxSurge(deployment);
  return static_cast<int>(std::lround(size * after / before)) - size;
}

std::vector<SetSize> ScaleInProportion(const Deployment& deployment, const RolloutSets& sets) {
  std::vector<SetSize> sizes = Sizes(Active(All(sets)));
  const int wanted = ReplicasOf(deployment);
  const int allowed = wanted > 0 ? wanted + MaxSurge(deployment) : 0;
  const int to_add = allowed - TotalReplicas(sizes);
  // The largest sets take part first; between equals the newer grows, the older shrinks.
  std::stable_sort(sizes.begin(), sizes.end(), [&](const SetSize& a, const SetSize& b) {
    if (a.replicas != b.replicas) return a.replicas > b.replicas;
    return to_add > 0 ? Created(*a.set) > Created(*b.set) : Created(*a.set) < Created(*b.set);
  });
  if (to_add == 0 || sizes.empty()) return sizes;
  int added = 0;
  for (SetSize& size : sizes) {
    const int share = Share(deployment, *size.set);
    const int rest = to_add - added;
    const int change = to_add > 0 ? std::min(share, rest) : std::max(share, rest);
    size.replicas += change;
    added += change;
  }
  sizes.front().replicas = std::max(0, sizes.front().replicas + to_add - added);
  return sizes;
}

// A set that was resized and has not reported since may claim pods that it has lost. Its report
// brings the next step, so waiting costs little.
bool AwaitsReport(const RolloutSets& sets) {
  const Sets all = All(sets);
  return std::any_of(all.begin(), all.end(), [](const ReplicaSet* set) {
    return set->metadata().generation() > set->status().observed_generation();
  });
}

// Available pods that will still be there: a set that was told to shrink may not have done so yet.
int AvailableWithin(const ReplicaSet& set, int size) {
  return std::min(set.status().available_replicas(), size);
}

// Takes pods that are not available out of old sets, at most `budget`; returns how many.
int DropUnhealthy(std::vector<SetSize>& old, int budget) {
  int dropped = 0;
  for (SetSize& size : old) {
    const int unhealthy = size.replicas - size.set->status().available_replicas();
    const int drop = std::min(budget - dropped, unhealthy);
    if (drop <= 0) continue;
    size.replicas -= drop;
    dropped += drop;
  }
  return dropped;
}

void ShrinkOld(std::vector<SetSize>& old, int budget) {
  for (SetSize& size : old) {
    const int drop = std::min(size.replicas, budget);
    if (drop <= 0) continue;
    size.replicas -= drop;
    budget -= drop;
  }
}

}  // namespace

bool IsRecreate(const Deployment& deployment) {
  return deployment.spec().strategy().type() == "Recreate";
}

int ReplicasOf(const Deployment& deployment) {
  return deployment.spec().has_replicas() ? deployment.spec().replicas() : 1;
}

int ReplicasOf(const ReplicaSet& set) {
  return set.spec().has_replicas() ? set.spec().replicas() : 1;
}

int MaxSurge(const Deployment& deployment) { return ResolveFences(deployment).surge; }

int MaxUnavailable(const Deployment& deployment) { return ResolveFences(deployment).unavailable; }

bool NeedsScale(const Deployment& deployment, const RolloutSets& sets) {
  for (const ReplicaSet* set : Active(All(sets))) {
    const auto desired = AnnotatedNumber(*set, kDesiredReplicasAnnotation);
    if (desired.has_value() && *desired != ReplicasOf(deployment)) return true;
  }
  return false;
}

std::vector<SetSize> PlanScale(const Deployment& deployment, const RolloutSets& sets) {
  if (const ReplicaSet* only = ActiveOrLatest(sets); only != nullptr) {
    return {{only, ReplicasOf(deployment)}};
  }
  if (IsSaturated(deployment, sets.current)) {
    std::vector<SetSize> sizes = Sizes(Active(sets.old));
    for (SetSize& size : sizes) size.replicas = 0;
    return sizes;
  }
  if (IsRecreate(deployment)) return Sizes(Active(All(sets)));
  return ScaleInProportion(deployment, sets);
}

int InitialSize(const Deployment& deployment, const Sets& old) {
  const int wanted = ReplicasOf(deployment);
  if (IsRecreate(deployment)) return wanted;
  const int room = wanted + MaxSurge(deployment) - TotalReplicas(Sizes(old));
  return std::clamp(room, 0, wanted);
}

std::vector<SetSize> PlanRollingStep(const Deployment& deployment, const RolloutSets& sets) {
  if (sets.current == nullptr) return {};
  const int wanted = ReplicasOf(deployment);
  const int current = ReplicasOf(*sets.current);
  std::vector<SetSize> old = Sizes(sets.old);
  const int old_total = TotalReplicas(old);
  if (current > wanted) return {{sets.current, wanted}};
  if (const int room = wanted + MaxSurge(deployment) - old_total - current;
      current < wanted && room > 0) {
    return {{sets.current, current + std::min(room, wanted - current)}};
  }
  if (old_total == 0 || AwaitsReport(sets)) return {};
  const int min_available = wanted - MaxUnavailable(deployment);
  const int current_unavailable = current - sets.current->status().available_replicas();
  const int budget = old_total + current - min_available - current_unavailable;
  if (budget <= 0) return {};
  DropUnhealthy(old, budget);
  int available = AvailableWithin(*sets.current, current);
  for (const SetSize& size : old) available += AvailableWithin(*size.set, size.replicas);
  ShrinkOld(old, available - min_available);
  return Changed(std::move(old));
}

std::vector<SetSize> PlanRecreateStep(const Deployment& deployment, const RolloutSets& sets,
                                      bool old_pods_running) {
  std::vector<SetSize> old = Sizes(Active(sets.old));
  for (SetSize& size : old) size.replicas = 0;
  if (!old.empty()) return old;
  if (old_pods_running || sets.current == nullptr) return {};
  return Changed({{sets.current, ReplicasOf(deployment)}});
}

Sets PlanHistoryCleanup(const Deployment& deployment, const Sets& old) {
  if (!deployment.spec().has_revision_history_limit()) return {};
  Sets kept;
  for (const ReplicaSet* set : old) {
    if (!set->metadata().has_deletion_timestamp()) kept.push_back(set);
  }
  const int excess = static_cast<int>(kept.size()) - deployment.spec().revision_history_limit();
  if (excess <= 0) return {};
  std::stable_sort(kept.begin(), kept.end(), [](const ReplicaSet* a, const ReplicaSet* b) {
    return RevisionOf(a->metadata()) < RevisionOf(b->metadata());
  });
  kept.resize(excess);
  std::erase_if(kept, [](const ReplicaSet* set) {
    return set->status().replicas() != 0 || ReplicasOf(*set) != 0 ||
           set->metadata().generation() > set->status().observed_generation();
  });
  return kept;
}

}  // namespace berth::controlplane
