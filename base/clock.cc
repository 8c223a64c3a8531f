// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "absl/container/flat_hash_map.h"
#include "absl/time/clock.h"

namespace berth::base {

class RealClock::Timers {
 public:
  ~Timers() {
    {
      MutexLock l(mu_);
      stopping_ = true;
      wake_.NotifyAll();
    }
    if (thread_.joinable()) thread_.join();
  }

  TimerId Add(absl::Duration delay, Callback callback) {
    MutexLock l(mu_);
    const TimerId id = ++last_id_;
    // "Never" is far away, and not, by overflow, at once.
    delay = std::min(delay, absl::Hours(24 * 365 * 10));
    const auto due = Steady::now() + absl::ToChronoNanoseconds(delay);
    due_[id] = due;
    queue_.emplace(std::pair(due, id), std::move(callback));
    if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
    wake_.NotifyOne();
    return id;
  }

  bool Cancel(TimerId id) {
    Callback doomed;  // destroyed after the lock is released: it may own anything
    MutexLock l(mu_);
    const auto it = due_.find(id);
    if (it == due_.end()) return false;
    const auto entry = queue_.find(std::pair(it->second, id));
    doomed = std::move(entry->second);
    queue_.erase(entry);
    due_.erase(it);
    return true;
  }

 private:
  using Steady = std::chrono::steady_clock;

  void Run() {
    while (true) {
      Callback callback;
      {
        MutexLock l(mu_);
        while (!stopping_ && (queue_.empty() || queue_.begin()->first.first > Steady::now())) {
          if (queue_.empty()) {
            wake_.Wait(mu_);
          } else {
            wake_.WaitFor(mu_, absl::FromChrono(queue_.begin()->first.first - Steady::now()));
          }
        }
        if (stopping_) return;
        callback = std::move(queue_.begin()->second);
        due_.erase(queue_.begin()->first.second);
        queue_.erase(queue_.begin());
      }
      callback();
    }
  }

  Mutex mu_;
  CondVar wake_;
  bool stopping_ BERTH_GUARDED_BY(mu_) = false;
  TimerId last_id_ BERTH_GUARDED_BY(mu_) = 0;
  std::map<std::pair<Steady::time_point, TimerId>, Callback> queue_ BERTH_GUARDED_BY(mu_);
  absl::flat_hash_map<TimerId, Steady::time_point> due_ BERTH_GUARDED_BY(mu_);
  std::thread thread_;
};

RealClock::RealClock() : timers_(std::make_unique<Timers>()) {}
RealClock::~RealClock() = default;
absl::Time RealClock::Now() const { return absl::Now(); }
Clock::TimerId RealClock::After(absl::Duration delay, Callback callback) {
  return timers_->Add(delay, std::move(callback));
}
bool RealClock::Cancel(TimerId id) { return timers_->Cancel(id); }

absl::Time FakeClock::Now() const {
  MutexLock l(mu_);
  return now_;
}

Clock::TimerId FakeClock::After(absl::Duration delay, Callback callback) {
  MutexLock l(mu_);
  timers_.emplace(std::pair(now_ + delay, ++last_id_), std::move(callback));
  return last_id_;
}

bool FakeClock::Cancel(TimerId id) {
  MutexLock l(mu_);
  for (auto it = timers_.begin(); it != timers_.end(); ++it) {
    if (it->first.second == id) {
      timers_.erase(it);
      return true;
    }
  }
  return false;
}

void FakeClock::Advance(absl::Duration by) {
  const absl::Time end = Now() + by;
  while (true) {
    Callback callback;
    {
      MutexLock l(mu_);
      if (timers_.empty() || timers_.begin()->first.first > end) {
        now_ = end;
        return;
      }
      now_ = std::max(now_, timers_.begin()->first.first);
      callback = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
    }
    callback();
  }
}

size_t FakeClock::pending_timers() const {
  MutexLock l(mu_);
  return timers_.size();
}

}  // namespace berth::base
