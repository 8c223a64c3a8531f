// SPDX-License-Identifier: Apache-2.0
#include "agent/observe/pleg.h"

#include <set>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

constexpr char kRelist[] = "relist";
constexpr absl::Duration kWithEvents = absl::Seconds(60);
constexpr absl::Duration kWithoutEvents = absl::Seconds(1);
constexpr absl::Duration kUnhealthyAfter = absl::Minutes(3);
// Events of ids that nobody knows come in bursts while a pod starts.
constexpr absl::Duration kUnknownDelay = absl::Milliseconds(100);
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

void Pleg::Learn(const std::string& id, const std::string& uid) {
  base::MutexLock l(mu_);
  uid_of_[id] = uid;
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
  std::string uid;
  {
    base::MutexLock l(mu_);
    if (const auto it = uid_of_.find(event.id); it != uid_of_.end()) uid = it->second;
  }
  if (!uid.empty()) {
    hooks_.poke(uid);
    if (event.kind == cri::EventKind::kStopped) {
      for (const absl::Duration delay : kExitSettles) {
        queue_.AddAfter(base::StrCat(absl::ToInt64Milliseconds(delay), "|", uid), delay);
      }
    }
  } else {
    queue_.AddAfter(kRelist, kUnknownDelay);
  }
}

void Pleg::Handle(const std::string& key) {
  if (key == kRelist) return Relist();
  hooks_.poke(key.substr(key.find('|') + 1));
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
