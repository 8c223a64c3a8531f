// SPDX-License-Identifier: Apache-2.0
#include "agent/observe/pleg.h"

#include <algorithm>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

// Keys of the queue; the last two are followed by an id.
constexpr char kRelist[] = "relist";
constexpr char kUnknown[] = "unknown";
constexpr char kStarted[] = "started|";
constexpr char kStopped[] = "stopped|";
constexpr absl::Duration kWithEvents = absl::Seconds(60);
constexpr absl::Duration kWithoutEvents = absl::Seconds(1);
constexpr absl::Duration kUnhealthyAfter = absl::Minutes(3);
// Events of ids that nobody knows come in bursts while a pod starts.
constexpr absl::Duration kUnknownDelay = absl::Milliseconds(100);
constexpr absl::Duration kUnknownPause = absl::Seconds(1);
// A start whose caller does not tell of it: one before this daemon's time.
constexpr absl::Duration kStartSettles = absl::Seconds(1);
// containerd tells of an exit before its own CRI part has taken note of it, and then says no more:
// the pod is looked at again a few times.
constexpr absl::Duration kExitSettles[] = {absl::Milliseconds(10), absl::Milliseconds(60),
                                           absl::Milliseconds(400), absl::Seconds(3)};

}  // namespace

Pleg::Pleg(cri::Runtime& runtime, cri::EventSource* events, base::Executor& executor,
           base::Clock& clock, Hooks hooks)
    : runtime_(runtime),
      events_(events),
      clock_(clock),
      hooks_(std::move(hooks)),
      last_success_(clock.Now()),
      queue_(executor, clock, [this](const std::string& key) { Handle(key); }) {}

Pleg::~Pleg() { Stop(); }

void Pleg::Start() {
  if (events_ != nullptr) events_->Start([this](const cri::Event& event) { OnEvent(event); });
  queue_.Add(kRelist);
}

void Pleg::Stop() {
  if (events_ != nullptr) events_->Stop();
  queue_.Stop();
}

void Pleg::Observed(const PodObservation& seen) {
  RuntimePod now = StatesOf(seen);
  base::MutexLock l(mu_);
  for (const auto& [id, state] : now.states) uid_of_[id] = seen.uid;
  if (now.states.empty()) {
    last_.erase(seen.uid);
  } else {
    last_[seen.uid] = std::move(now);
  }
}

bool Pleg::MayHave(const std::string& uid) const {
  base::MutexLock l(mu_);
  return !listed_ || last_.contains(uid);
}

std::optional<Pleg::Known> Pleg::Find(const std::string& id) const {
  const auto uid = uid_of_.find(id);
  if (uid == uid_of_.end()) return std::nullopt;
  const auto pod = last_.find(uid->second);
  if (pod == last_.end()) return std::nullopt;
  const auto state = pod->second.states.find(id);
  if (state == pod->second.states.end()) return std::nullopt;
  return Known{uid->second, state->second};
}

void Pleg::OnUnknown(const std::string& id) {
  const absl::Time now = clock_.Now();
  absl::Time at;
  {
    base::MutexLock l(mu_);
    unknown_.insert(id);
    if (unknown_at_ <= now)
      unknown_at_ = std::max(now + kUnknownDelay, unknown_at_ + kUnknownPause);
    at = unknown_at_;
  }
  queue_.AddAfter(kUnknown, at - now);
}

void Pleg::OnEvent(const cri::Event& event) {
  if (event.id.empty()) {
    BERTH_INFO("runtime event stream",
               {"state", event.kind == cri::EventKind::kConnected      ? "connected"
                         : event.kind == cri::EventKind::kDisconnected ? "disconnected"
                                                                       : "not supported"});
    {
      base::MutexLock l(mu_);
      eventful_ = event.kind == cri::EventKind::kConnected;
    }
    queue_.Add(kRelist);
    return;
  }
  std::optional<Known> known;
  {
    base::MutexLock l(mu_);
    known = Find(event.id);
  }
  if (!known.has_value()) {
    if (event.kind != cri::EventKind::kDeleted) OnUnknown(event.id);
    return;
  }
  const bool exited = known->state == ContainerPhase::kExited;
  switch (event.kind) {
    case cri::EventKind::kCreated:
      return;
    case cri::EventKind::kStarted:
      // Its worker's own call, most likely, which will tell.
      if (!exited && known->state != ContainerPhase::kRunning) {
        queue_.AddAfter(base::StrCat(kStarted, event.id), kStartSettles);
      }
      return;
    case cri::EventKind::kStopped:
      if (exited) return;
      for (const absl::Duration delay : kExitSettles) {
        queue_.AddAfter(base::StrCat(kStopped, absl::ToInt64Milliseconds(delay), "|", event.id),
                        delay);
      }
      break;
    default:
      break;
  }
  hooks_.poke(known->uid);
}

void Pleg::Handle(const std::string& key) {
  if (key == kRelist) return Relist();
  const bool started = key.starts_with(kStarted);
  std::optional<Known> known;
  {
    base::MutexLock l(mu_);
    if (key == kUnknown) {
      std::erase_if(unknown_, [&](const std::string& id) { return Find(id).has_value(); });
      if (unknown_.empty()) return;
      unknown_.clear();  // what the relist does not know either is not of a pod
    } else {
      known = Find(key.substr(key.rfind('|') + 1));
    }
  }
  if (key == kUnknown) return Relist();
  if (!known.has_value() || known->state == ContainerPhase::kExited) return;
  if (started && known->state == ContainerPhase::kRunning) return;
  hooks_.poke(known->uid);
}

void Pleg::Relist() {
  auto pods = ListPods(runtime_, cri::kCallTimeout);
  std::set<std::string> changed;
  bool eventful = false;
  {
    base::MutexLock l(mu_);
    eventful = eventful_;
    last_error_ = pods.status();
    if (pods.ok()) {
      last_success_ = clock_.Now();
      listed_ = true;
      uid_of_.clear();
      for (const auto& [uid, pod] : *pods) {
        for (const auto& [id, state] : pod.states) uid_of_[id] = uid;
        const auto before = last_.find(uid);
        if (before == last_.end() || before->second.states != pod.states) changed.insert(uid);
      }
      for (const auto& [uid, pod] : last_) {
        if (!pods->contains(uid)) changed.insert(uid);
      }
      last_ = *pods;
    }
  }
  if (!pods.ok()) {
    BERTH_WARNING("relist failed", {"error", pods.status()});
    queue_.AddAfter(kRelist, kWithoutEvents);
    return;
  }
  for (const auto& uid : changed) hooks_.poke(uid);
  hooks_.relisted(*pods);
  queue_.AddAfter(kRelist, eventful ? kWithEvents : kWithoutEvents);
}

absl::Status Pleg::Health() const {
  base::MutexLock l(mu_);
  const absl::Duration since = clock_.Now() - last_success_;
  if (since < kUnhealthyAfter) return absl::OkStatus();
  return base::Unavailable("PLEG is not healthy: pleg was last seen active ",
                           absl::FormatDuration(since), " ago; threshold is 3m0s");
}

}  // namespace berth::agent
