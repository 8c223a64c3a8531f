// SPDX-License-Identifier: Apache-2.0
// The probes of every running container: runs each at its period, counts thresholds, and pokes the
// pod when an answer changes what it means. Thread-safe.
//
// What a container starts with: liveness passing, readiness failing (or what the API last knew of
// the same container: a restart of this daemon flips nothing), startup unknown. Until startup has
// passed only the startup probe runs.
#ifndef BERTH_AGENT_PROBES_PROBE_RUNS_H_
#define BERTH_AGENT_PROBES_PROBE_RUNS_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/observe/observation.h"
#include "agent/probes/prober.h"
#include "agent/sync/pod_actions.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/keyed_queue.h"
#include "base/mutex.h"

namespace berth::agent {

enum class ProbeKind { kStartup, kLiveness, kReadiness };

class ProbeRuns {
 public:
  struct Hooks {
    std::function<void(const std::string& uid)> poke;
    // Of every failed attempt: event Unhealthy.
    std::function<void(const api::core::v1::Pod&, const std::string& container, ProbeKind kind,
                       const std::string& message)>
        unhealthy;
    // Of an attempt that succeeded in an odd way: event ProbeWarning.
    std::function<void(const api::core::v1::Pod&, const std::string& container, ProbeKind kind,
                       const std::string& message)>
        warned = [](const auto&...) {};
  };
  ProbeRuns(Prober& prober, base::Executor& executor, base::Clock& clock, Hooks hooks);
  ~ProbeRuns();

  // Starts and stops probes to fit what runs. `was_ready` says of a container id whether the API
  // had it as ready. With `terminating`, only readiness goes on.
  void Sync(const std::shared_ptr<const api::core::v1::Pod>& pod, const PodObservation& seen,
            bool terminating);
  void Remove(std::string_view uid);
  void Stop() { queue_.Stop(); }  // no probe runs afterwards

  // Of the containers that run.
  ProbeView View(const api::core::v1::Pod& pod, const PodObservation& seen) const;
  // Whether its readiness probe passes; true for a started container that has none.
  bool Ready(std::string_view uid, std::string_view container_id) const;

 private:
  struct Run;
  void Handle(const std::string& key);
  void Schedule(const std::string& key, absl::Duration delay) { queue_.AddAfter(key, delay); }
  void AddRun(const std::shared_ptr<const api::core::v1::Pod>& pod,
              const ObservedContainer& container, ProbeKind kind, const std::string& ip,
              bool was_ready) BERTH_REQUIRES(mu_);
  bool StartedLocked(const std::string& uid, const std::string& id) const BERTH_REQUIRES(mu_);
  static const api::core::v1::Probe* ProbeOf(const api::core::v1::Container& container,
                                             ProbeKind kind);

  Prober& prober_;
  base::Clock& clock_;
  const Hooks hooks_;
  const absl::Time began_;
  mutable base::Mutex mu_;
  // "uid|container id|kind"
  std::map<std::string, std::shared_ptr<Run>, std::less<>> runs_ BERTH_GUARDED_BY(mu_);
  base::KeyedQueue queue_;  // last: ends first, and its handlers use the rest
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_PROBES_PROBE_RUNS_H_
