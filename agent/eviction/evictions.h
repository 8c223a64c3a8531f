// SPDX-License-Identifier: Apache-2.0
// Keeps the node from running out of memory, disk or processes: looks at what is left each second,
// tells the node's conditions, frees what nobody uses, and ends one pod at a time until it is
// enough. Holds pods to the limits of local storage that they set themselves, and keeps new ones
// out while there is pressure.
//
// Tick() runs on one thread at a time; the rest is thread-safe.
#ifndef BERTH_AGENT_EVICTION_EVICTIONS_H_
#define BERTH_AGENT_EVICTION_EVICTIONS_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/kubelet_config.h"
#include "agent/eviction/pod_usage.h"
#include "agent/eviction/ranking.h"
#include "agent/eviction/thresholds.h"
#include "agent/status/pod_status.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/keyed_queue.h"
#include "base/mutex.h"

namespace berth::agent {

class Evictions {
 public:
  using PodPtr = std::shared_ptr<const api::core::v1::Pod>;
  // What it sees and does, each a call that may block.
  struct Parts {
    std::function<DiskLayout()> disks;
    std::function<SignalValues()> signals;
    std::function<std::map<std::string, PodUse>(const std::vector<PodPtr>&)> measure;
    std::function<std::vector<PodPtr>()> active_pods;  // that run, or may run
    std::function<void(const std::string& uid, const PodVerdict& verdict)> end;
    std::function<void()> free_containers;  // dead ones of ended pods
    std::function<void()> free_images;      // unused ones
    std::function<void()> pressure_changed;
    std::function<void(std::string_view type, std::string_view reason, std::string_view message)>
        node_event;
    std::function<void(const api::core::v1::Pod& pod, std::string_view message,
                       const std::map<std::string, std::string>& annotations)>
        evicted_event;
    std::function<void(std::string_view signal)> count;  // for the metric
  };
  Evictions(const KubeletConfig& config, Parts parts, base::Executor& executor, base::Clock& clock);

  void Start();
  void Stop();
  // One look, and what follows from it.
  void Tick();

  Pressures pressures() const;
  // Why a pod may not begin to run here now.
  std::optional<PodVerdict> Admit(const api::core::v1::Pod& pod) const;

 private:
  void Look(const SignalValues& values);
  bool EvictForLimits(const DiskLayout& disks, const std::vector<PodPtr>& pods);
  void Reclaim(const DiskLayout& disks, const SignalValues& values,
               const std::vector<PodPtr>& pods);
  // True when that was enough.
  bool FreeNodeResources(Signal signal, const DiskLayout& disks);
  bool End(const Candidate& candidate, PodVerdict verdict, std::string_view signal,
           const std::map<std::string, std::string>& annotations);
  absl::Duration GraceFor(const api::core::v1::Pod& pod, const Threshold& threshold) const;
  // Of those that may be ended: not the ones that are on their way out by our word.
  std::vector<PodPtr> Candidates();

  const KubeletConfig config_;
  const Parts parts_;
  base::Clock& clock_;
  // Of Tick() alone.
  std::vector<Threshold> thresholds_;
  PressureState state_;
  std::vector<Threshold> due_;
  absl::Time limits_at_ = absl::InfinitePast();
  std::set<std::string, std::less<>> going_;  // evicted, and still here
  absl::Time evicted_at_ = absl::InfinitePast();
  absl::Time reclaimed_at_ = absl::InfinitePast();

  mutable base::Mutex mu_;
  Pressures pressures_ BERTH_GUARDED_BY(mu_);
  base::KeyedQueue queue_;  // last
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_EVICTION_EVICTIONS_H_
