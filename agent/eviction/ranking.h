// SPDX-License-Identifier: Apache-2.0
// Whom to evict first, and what he is told. Pure.
#ifndef BERTH_AGENT_EVICTION_RANKING_H_
#define BERTH_AGENT_EVICTION_RANKING_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/eviction/pod_usage.h"
#include "agent/eviction/signals.h"
#include "agent/eviction/thresholds.h"

namespace berth::api::core::v1 {
class Pod;
}

namespace berth::agent {

struct Candidate {
  std::shared_ptr<const api::core::v1::Pod> pod;
  std::optional<PodUse> use;  // nothing when it is not known
};

// The first one goes first: who uses more than he asked for, then the lower priority, then who uses
// most beyond his request. Of processes: priority, then number.
void RankForEviction(Signal signal, const DiskLayout& disks, std::vector<Candidate>& candidates);

// Static pods, mirrors of them, and what has a system's priority: never evicted, and preempting.
bool IsCritical(const api::core::v1::Pod& pod);

struct EvictionWords {
  std::string message;
  std::map<std::string, std::string> annotations;  // of the event
};
EvictionWords WordsFor(const Threshold& threshold, const SignalValues& values,
                       const Candidate& evicted);

}  // namespace berth::agent

#endif  // BERTH_AGENT_EVICTION_RANKING_H_
