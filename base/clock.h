// SPDX-License-Identifier: Apache-2.0
// Time, as a seam: code that waits or reads the time takes a Clock, tests pass a FakeClock.
// Every method may be called from any thread.
#ifndef BERTH_BASE_CLOCK_H_
#define BERTH_BASE_CLOCK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "base/mutex.h"

namespace berth::base {

class Clock {
 public:
  using TimerId = uint64_t;
  using Callback = absl::AnyInvocable<void()>;

  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
  // Calls `callback` once `delay` has passed, on a thread of the clock. Callbacks must be short:
  // they poke a queue or post to an executor.
  virtual TimerId After(absl::Duration delay, Callback callback) = 0;
  // True when the callback will not run. A callback that has started is not waited for.
  virtual bool Cancel(TimerId id) = 0;
};

// The wall clock for Now(), a monotonic one for timers. The timer thread starts with the first
// timer and ends with the clock; callbacks still pending then are dropped.
class RealClock : public Clock {
 public:
  RealClock();
  ~RealClock() override;
  absl::Time Now() const override;
  TimerId After(absl::Duration delay, Callback callback) override;
  bool Cancel(TimerId id) override;

 private:
  class Timers;
  std::unique_ptr<Timers> timers_;
};

// Stands still until a test advances it.
class FakeClock : public Clock {
 public:
  explicit FakeClock(absl::Time start = absl::FromUnixSeconds(1'700'000'000)) : now_(start) {}
  absl::Time Now() const override;
  TimerId After(absl::Duration delay, Callback callback) override;
  bool Cancel(TimerId id) override;
  // Moves time on and runs, on this thread and in order, every timer that falls due.
  void Advance(absl::Duration by);
  size_t pending_timers() const;

 private:
  mutable Mutex mu_;
  absl::Time now_ BERTH_GUARDED_BY(mu_);
  uint64_t last_id_ BERTH_GUARDED_BY(mu_) = 0;
  std::map<std::pair<absl::Time, TimerId>, Callback> timers_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::base

#endif  // BERTH_BASE_CLOCK_H_
