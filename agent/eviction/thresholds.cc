// SPDX-License-Identifier: Apache-2.0
#include "agent/eviction/thresholds.h"

#include <algorithm>

#include "agent/node/node_resources.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

bool IsZero(const std::string& amount) { return ThresholdOf(amount, 100).value_or(0) == 0; }

bool IsThere(Signal signal, const DiskLayout& disks) {
  switch (signal) {
    case Signal::kImageFs:
    case Signal::kImageFsInodes:
      return disks.image_fs;
    case Signal::kContainerFs:
    case Signal::kContainerFsInodes:
      // Always one of the other two: its own thresholds do not count.
      return false;
    default:
      return true;
  }
}

void Add(const TextMap& amounts, const KubeletConfig& config, bool hard, const DiskLayout& disks,
         std::vector<Threshold>& out) {
  for (const auto& [name, amount] : amounts) {
    const auto signal = SignalOf(name);
    if (!signal || !IsThere(*signal, disks) || IsZero(amount)) continue;
    Threshold threshold;
    threshold.signal = *signal;
    threshold.amount = amount;
    threshold.hard = hard;
    if (const auto at = config.eviction_minimum_reclaim.find(name);
        at != config.eviction_minimum_reclaim.end()) {
      threshold.reclaim = at->second;
    }
    if (const auto at = config.eviction_soft_grace_period.find(name);
        !hard && at != config.eviction_soft_grace_period.end()) {
      absl::ParseDuration(base::Av(at->second), &threshold.grace);
    }
    out.push_back(std::move(threshold));
  }
}

bool IsMemory(const Threshold& threshold) {
  return PressureOf(threshold.signal) == Pressure::kMemory;
}

}  // namespace

std::vector<Threshold> ThresholdsOf(const KubeletConfig& config, const DiskLayout& disks) {
  std::vector<Threshold> out;
  Add(config.eviction_hard, config, /*hard=*/true, disks, out);
  const auto& enforced = config.enforce_node_allocatable;
  if (std::find(enforced.begin(), enforced.end(), "pods") != enforced.end()) {
    const auto memory = std::find_if(out.begin(), out.end(), [](const Threshold& threshold) {
      return threshold.signal == Signal::kMemory;
    });
    if (memory != out.end()) {
      Threshold of_pods = *memory;
      of_pods.signal = Signal::kAllocatableMemory;
      out.push_back(std::move(of_pods));
    }
  }
  Add(config.eviction_soft, config, /*hard=*/false, disks, out);
  return out;
}

int64_t AmountOf(const Threshold& threshold, int64_t capacity, bool with_reclaim) {
  int64_t amount = ThresholdOf(threshold.amount, capacity).value_or(0);
  if (with_reclaim) amount += ThresholdOf(threshold.reclaim, capacity).value_or(0);
  return amount;
}

bool IsMet(const Threshold& threshold, const SignalValues& now, bool with_reclaim) {
  const auto at = now.find(threshold.signal);
  if (at == now.end()) return false;
  return at->second.available < AmountOf(threshold, at->second.capacity, with_reclaim);
}

PressureStep LookAtThresholds(const std::vector<Threshold>& thresholds, const PressureState& before,
                              const SignalValues& values, absl::Duration transition_period,
                              absl::Time now) {
  PressureStep step;
  for (const Threshold& threshold : thresholds) {
    const auto old =
        std::find_if(before.met.begin(), before.met.end(),
                     [&](const PressureState::Met& met) { return met.threshold == threshold; });
    const bool was_met = old != before.met.end();
    if (!IsMet(threshold, values, /*with_reclaim=*/was_met)) continue;
    step.next.met.push_back({threshold, was_met ? old->since : now});
  }
  step.next.last_seen = before.last_seen;
  for (const auto& [threshold, since] : step.next.met) {
    step.next.last_seen[PressureOf(threshold.signal)] = now;
    if (now - since >= threshold.grace) step.due.push_back(threshold);
  }
  for (auto it = step.next.last_seen.begin(); it != step.next.last_seen.end();) {
    const bool held = it->second == now || now - it->second < transition_period;
    if (held) step.pressures.insert(it->first);
    it = held ? std::next(it) : step.next.last_seen.erase(it);
  }
  std::stable_partition(step.due.begin(), step.due.end(), IsMemory);
  return step;
}

}  // namespace berth::agent
