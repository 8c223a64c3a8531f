// SPDX-License-Identifier: Apache-2.0
// The evictions that the configuration asks for, and which of them are due. Pure.
#ifndef BERTH_AGENT_EVICTION_THRESHOLDS_H_
#define BERTH_AGENT_EVICTION_THRESHOLDS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "agent/config/kubelet_config.h"
#include "agent/eviction/signals.h"

namespace berth::agent {

struct Threshold {
  Signal signal = Signal::kMemory;
  std::string amount;         // "100Mi", "10%"
  std::string reclaim = "0";  // once met, this much more than `amount` ends it
  bool hard = true;
  absl::Duration grace;  // of a soft one: how long it must be met
  bool operator==(const Threshold&) const = default;
};

// Hard ones first. With pods enforced, what holds for the node's memory holds for kubepods' as
// well. Of file systems that are not there, and of zero amounts, there are none.
std::vector<Threshold> ThresholdsOf(const KubeletConfig& config, const DiskLayout& disks);

// The amount of `threshold` where there is `capacity`, with what is to be reclaimed if asked.
int64_t AmountOf(const Threshold& threshold, int64_t capacity, bool with_reclaim);
bool IsMet(const Threshold& threshold, const SignalValues& now, bool with_reclaim);

// What eviction remembers from one look to the next.
struct PressureState {
  struct Met {
    Threshold threshold;
    absl::Time since;
  };
  std::vector<Met> met;
  std::map<Pressure, absl::Time> last_seen;
};

struct PressureStep {
  PressureState next;
  Pressures pressures;         // the node's conditions, held for the transition period
  std::vector<Threshold> due;  // met for as long as they must be; what to act on first comes first
};
PressureStep LookAtThresholds(const std::vector<Threshold>& thresholds, const PressureState& before,
                              const SignalValues& values, absl::Duration transition_period,
                              absl::Time now);

}  // namespace berth::agent

#endif  // BERTH_AGENT_EVICTION_THRESHOLDS_H_
