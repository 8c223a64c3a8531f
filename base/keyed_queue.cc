// SPDX-License-Identifier: Apache-2.0
#include "base/keyed_queue.h"

#include <algorithm>

#include "base/strings.h"

namespace berth::base {

struct KeyedQueue::State : std::enable_shared_from_this<KeyedQueue::State> {
  State(Executor& e, Clock& c, Handler h, Backoff b)
      : executor(e), clock(c), handler(std::move(h)), backoff(b) {}

  struct Key {
    bool dirty = false;    // wants a run
    bool running = false;  // is being handled, or posted
  };
  struct Delay {
    absl::Time due;
    Clock::TimerId timer = 0;
  };

  void Add(std::string_view key) BERTH_EXCLUDES(mu) {
    {
      MutexLock l(mu);
      if (stopped) return;
      Key& k = keys[std::string(key)];
      k.dirty = true;
      if (k.running) return;
      k.running = true;
    }
    executor.Post([self = shared_from_this(), key = std::string(key)] { self->Handle(key); });
  }

  void Handle(const std::string& key) BERTH_EXCLUDES(mu) {
    {
      MutexLock l(mu);
      if (stopped) return;
      keys[key].dirty = false;
      ++active;
    }
    handler(key);
    bool again = false;
    {
      MutexLock l(mu);
      if (--active == 0) idle.NotifyAll();
      const auto it = keys.find(key);
      again = it->second.dirty && !stopped;
      if (!again) keys.erase(it);
    }
    if (again) executor.Post([self = shared_from_this(), key] { self->Handle(key); });
  }

  void AddAfter(std::string_view key, absl::Duration delay) BERTH_EXCLUDES(mu) {
    if (delay <= absl::ZeroDuration()) return Add(key);
    const absl::Time due = clock.Now() + delay;
    Clock::TimerId old = 0;
    {
      MutexLock l(mu);
      if (stopped) return;
      const auto it = delays.find(key);
      if (it != delays.end()) {
        if (it->second.due <= due) return;
        old = it->second.timer;
      }
      delays[std::string(key)] = Delay{due};
    }
    if (old != 0) clock.Cancel(old);
    const auto timer = clock.After(delay, [weak = weak_from_this(), key = std::string(key), due] {
      if (auto self = weak.lock()) self->Fire(key, due);
    });
    MutexLock l(mu);
    const auto it = delays.find(key);
    if (it != delays.end() && it->second.due == due) it->second.timer = timer;
  }

  void Fire(const std::string& key, absl::Time due) BERTH_EXCLUDES(mu) {
    {
      MutexLock l(mu);
      const auto it = delays.find(key);
      if (it == delays.end() || it->second.due != due) return;
      delays.erase(it);
    }
    Add(key);
  }

  Executor& executor;
  Clock& clock;
  const Handler handler;
  const Backoff backoff;
  Mutex mu;
  CondVar idle;
  StringMap<Key> keys BERTH_GUARDED_BY(mu);
  StringMap<Delay> delays BERTH_GUARDED_BY(mu);
  StringMap<int> failures BERTH_GUARDED_BY(mu);
  int active BERTH_GUARDED_BY(mu) = 0;
  bool stopped BERTH_GUARDED_BY(mu) = false;
};

KeyedQueue::KeyedQueue(Executor& executor, Clock& clock, Handler handler, Backoff backoff)
    : state_(std::make_shared<State>(executor, clock, std::move(handler), backoff)) {}

KeyedQueue::~KeyedQueue() { Stop(); }

void KeyedQueue::Stop() {
  std::vector<Clock::TimerId> timers;
  {
    MutexLock l(state_->mu);
    state_->stopped = true;
    for (const auto& [key, delay] : state_->delays) timers.push_back(delay.timer);
    state_->delays.clear();
    while (state_->active > 0) state_->idle.Wait(state_->mu);
  }
  for (const auto timer : timers) state_->clock.Cancel(timer);
}

void KeyedQueue::Add(std::string_view key) { state_->Add(key); }

void KeyedQueue::AddAfter(std::string_view key, absl::Duration delay) {
  state_->AddAfter(key, delay);
}

void KeyedQueue::AddWithBackoff(std::string_view key) {
  absl::Duration delay;
  {
    MutexLock l(state_->mu);
    int& failures = state_->failures[std::string(key)];
    delay = std::min(state_->backoff.max, state_->backoff.first * (1LL << std::min(failures, 30)));
    ++failures;
  }
  state_->AddAfter(key, delay);
}

void KeyedQueue::Forget(std::string_view key) {
  MutexLock l(state_->mu);
  if (const auto it = state_->failures.find(key); it != state_->failures.end()) {
    state_->failures.erase(it);
  }
}

size_t KeyedQueue::size() const {
  MutexLock l(state_->mu);
  return state_->keys.size();
}

}  // namespace berth::base
