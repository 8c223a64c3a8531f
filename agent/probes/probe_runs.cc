// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/probe_runs.h"

#include <algorithm>
#include <random>
#include <set>

#include "agent/sync/container_spec.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;

constexpr ProbeKind kKinds[] = {ProbeKind::kStartup, ProbeKind::kLiveness, ProbeKind::kReadiness};

// Of a probe that went wrong itself, which says nothing of the container.
constexpr int kAttempts = 3;

std::string KeyOf(std::string_view uid, std::string_view id, ProbeKind kind) {
  return base::StrCat(uid, "|", id, "|", static_cast<int>(kind));
}

// Anything up to `most`.
absl::Duration Jitter(absl::Duration most) {
  thread_local std::minstd_rand random(std::random_device{}());
  return most * std::uniform_real_distribution<double>(0, 1)(random);
}

absl::Duration PeriodOf(const api::core::v1::Probe& probe) {
  return absl::Seconds(probe.period_seconds() > 0 ? probe.period_seconds() : 10);
}

}  // namespace

struct ProbeRuns::Run {
  std::string uid;
  std::string container;
  std::string id;
  ProbeKind kind;
  std::shared_ptr<const Pod> pod;
  std::string ip;
  absl::Time first;  // not before this
  // What counts; empty until the first verdict of a startup probe.
  std::optional<bool> passing;
  bool last_attempt = false;  // of the streak
  int streak = 0;
  bool held = false;  // failed for good: the container is on its way out
};

const api::core::v1::Probe* ProbeRuns::ProbeOf(const api::core::v1::Container& container,
                                               ProbeKind kind) {
  switch (kind) {
    case ProbeKind::kStartup:
      return container.has_startup_probe() ? &container.startup_probe() : nullptr;
    case ProbeKind::kLiveness:
      return container.has_liveness_probe() ? &container.liveness_probe() : nullptr;
    case ProbeKind::kReadiness:
      break;
  }
  return container.has_readiness_probe() ? &container.readiness_probe() : nullptr;
}

ProbeRuns::ProbeRuns(Prober& prober, base::Executor& executor, base::Clock& clock, Hooks hooks)
    : prober_(prober),
      clock_(clock),
      hooks_(std::move(hooks)),
      began_(clock.Now()),
      queue_(executor, clock, [this](const std::string& key) { Handle(key); }) {}

ProbeRuns::~ProbeRuns() = default;

void ProbeRuns::AddRun(const std::shared_ptr<const Pod>& pod, const ObservedContainer& container,
                       ProbeKind kind, const std::string& ip, bool was_ready) {
  auto run = std::make_shared<Run>();
  run->uid = pod->metadata().uid();
  run->container = container.name;
  run->id = container.id;
  run->kind = kind;
  run->pod = pod;
  run->ip = ip;
  if (kind == ProbeKind::kLiveness) run->passing = true;
  if (kind == ProbeKind::kReadiness) run->passing = was_ready;
  if (kind == ProbeKind::kStartup && was_ready) run->passing = true;
  const auto* spec = FindContainerSpec(*pod, container.name);
  const auto& probe = *ProbeOf(*spec, kind);
  run->first = container.started_at + absl::Seconds(probe.initial_delay_seconds());
  // After a start of the daemon the probes of all that runs do not go off at once.
  if (container.started_at < began_ && clock_.Now() - began_ < PeriodOf(probe)) {
    run->first = std::max(run->first, clock_.Now() + Jitter(PeriodOf(probe)));
  }
  const std::string key = KeyOf(run->uid, run->id, kind);
  const absl::Time first = run->first;
  runs_[key] = std::move(run);
  Schedule(key, std::max(absl::ZeroDuration(), first - clock_.Now()));
}

void ProbeRuns::Sync(const std::shared_ptr<const Pod>& pod, const PodObservation& seen,
                     bool terminating) {
  const std::string& uid = pod->metadata().uid();
  std::set<std::string, std::less<>> known_ready;
  const auto remember = [&](const auto& statuses) {
    for (const auto& status : statuses) {
      const size_t at = status.container_id().find("://");
      if (at != std::string::npos && status.ready()) {
        known_ready.insert(status.container_id().substr(at + 3));
      }
    }
  };
  remember(pod->status().container_statuses());
  remember(pod->status().init_container_statuses());
  std::string ip = pod->status().pod_ip();
  if (const auto* sandbox = seen.LatestSandbox(); sandbox != nullptr && !sandbox->ips.empty()) {
    ip = sandbox->ips.front();
  } else if (pod->spec().host_network()) {
    ip = pod->status().host_ip();
  }
  if (ip.empty() && pod->spec().host_network()) ip = "127.0.0.1";
  std::set<std::string, std::less<>> wanted;
  base::MutexLock l(mu_);
  for (const auto& container : seen.containers) {
    const auto* spec = FindContainerSpec(*pod, container.name);
    if (spec == nullptr || container.phase != ContainerPhase::kRunning) continue;
    for (const ProbeKind kind : kKinds) {
      if (ProbeOf(*spec, kind) == nullptr) continue;
      if (terminating && kind != ProbeKind::kReadiness) continue;
      const std::string key = KeyOf(uid, container.id, kind);
      wanted.insert(key);
      const auto it = runs_.find(key);
      if (it == runs_.end()) {
        AddRun(pod, container, kind, ip, known_ready.contains(container.id));
      } else {
        it->second->pod = pod;
        it->second->ip = ip;
      }
    }
  }
  const std::string prefix = base::StrCat(uid, "|");
  for (auto it = runs_.lower_bound(prefix); it != runs_.end() && it->first.starts_with(prefix);) {
    it = wanted.contains(it->first) ? std::next(it) : runs_.erase(it);
  }
}

void ProbeRuns::Remove(std::string_view uid) {
  base::MutexLock l(mu_);
  const std::string prefix = base::StrCat(uid, "|");
  for (auto it = runs_.lower_bound(prefix); it != runs_.end() && it->first.starts_with(prefix);) {
    it = runs_.erase(it);
  }
}

bool ProbeRuns::StartedLocked(const std::string& uid, const std::string& id) const {
  const auto it = runs_.find(KeyOf(uid, id, ProbeKind::kStartup));
  return it == runs_.end() || it->second->passing.value_or(false);
}

void ProbeRuns::Handle(const std::string& key) {
  std::shared_ptr<const Pod> pod;
  std::string name;
  std::string id;
  std::string ip;
  ProbeKind kind;
  {
    base::MutexLock l(mu_);
    const auto it = runs_.find(key);
    if (it == runs_.end() || it->second->held) return;
    const Run& run = *it->second;
    const bool started = StartedLocked(run.uid, run.id);
    // A startup probe rests once it has passed; the others wait for it. What passes it wakes them.
    if (run.kind == ProbeKind::kStartup ? started : !started) return;
    pod = run.pod;
    name = run.container;
    id = run.id;
    ip = run.ip;
    kind = run.kind;
  }
  const auto* container = FindContainerSpec(*pod, name);
  const auto* probe = container == nullptr ? nullptr : ProbeOf(*container, kind);
  if (probe == nullptr) return;
  ProbeAnswer answer;
  for (int attempt = 0; attempt < kAttempts && answer.outcome == ProbeOutcome::kUnknown;
       ++attempt) {
    answer = prober_.Probe(*probe, {*pod, *container, id, ip});
  }
  bool changed = false;
  bool wake_others = false;
  {
    base::MutexLock l(mu_);
    const auto it = runs_.find(key);
    if (it == runs_.end()) return;
    Run& run = *it->second;
    if (answer.outcome != ProbeOutcome::kUnknown) {
      const bool ok = answer.outcome != ProbeOutcome::kFailure;
      run.streak = run.streak > 0 && run.last_attempt == ok ? run.streak + 1 : 1;
      run.last_attempt = ok;
      const int needed = ok ? std::max(1, probe->success_threshold())
                            : (probe->failure_threshold() > 0 ? probe->failure_threshold() : 3);
      if (run.streak >= needed && run.passing != ok) {
        run.passing = ok;
        changed = true;
        wake_others = ok && kind == ProbeKind::kStartup;
        run.held = !ok && kind != ProbeKind::kReadiness;
      }
    }
  }
  if (answer.outcome == ProbeOutcome::kFailure) {
    hooks_.unhealthy(*pod, name, kind, answer.message);
  }
  if (answer.outcome == ProbeOutcome::kWarning) hooks_.warned(*pod, name, kind, answer.message);
  if (wake_others) {
    queue_.Add(KeyOf(pod->metadata().uid(), id, ProbeKind::kLiveness));
    queue_.Add(KeyOf(pod->metadata().uid(), id, ProbeKind::kReadiness));
  }
  if (changed) hooks_.poke(pod->metadata().uid());
  Schedule(key, PeriodOf(*probe));
}

ProbeView ProbeRuns::View(const Pod& pod, const PodObservation& seen) const {
  ProbeView view;
  const std::string& uid = pod.metadata().uid();
  base::MutexLock l(mu_);
  const auto verdict = [&](const std::string& id, ProbeKind kind)
                           BERTH_REQUIRES(mu_) -> std::optional<bool> {
    const auto it = runs_.find(KeyOf(uid, id, kind));
    return it == runs_.end() ? std::nullopt : it->second->passing;
  };
  for (const auto& container : seen.containers) {
    if (container.phase != ContainerPhase::kRunning) continue;
    const auto* spec = FindContainerSpec(pod, container.name);
    const auto startup = verdict(container.id, ProbeKind::kStartup);
    if (spec == nullptr || !spec->has_startup_probe() || startup.value_or(false)) {
      view.started.insert(container.id);
    } else if (startup.has_value()) {
      view.startup_failed.insert(container.id);
    }
    if (!verdict(container.id, ProbeKind::kLiveness).value_or(true)) {
      view.liveness_failed.insert(container.id);
    }
  }
  return view;
}

bool ProbeRuns::Ready(std::string_view uid, std::string_view container_id) const {
  base::MutexLock l(mu_);
  if (!StartedLocked(std::string(uid), std::string(container_id))) return false;
  const auto it = runs_.find(KeyOf(uid, container_id, ProbeKind::kReadiness));
  return it == runs_.end() || it->second->passing.value_or(false);
}

}  // namespace berth::agent
