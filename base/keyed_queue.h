// SPDX-License-Identifier: Apache-2.0
// Level-triggered work: events add keys, the handler looks at the latest state of a key.
// A key that is added again while it waits is handled once; while it is being handled, once more
// afterwards. Never two handlers of one key at a time, different keys in parallel.
#ifndef BERTH_BASE_KEYED_QUEUE_H_
#define BERTH_BASE_KEYED_QUEUE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/executor.h"

namespace berth::base {

// Exponential: first, first*2, first*4 ... up to max.
struct Backoff {
  absl::Duration first = absl::Milliseconds(100);
  absl::Duration max = absl::Seconds(30);
};

class KeyedQueue {
 public:
  using Handler = std::function<void(const std::string& key)>;

  // `executor` and `clock` outlive the queue. The destructor drops waiting keys and waits for
  // handlers that run.
  KeyedQueue(Executor& executor, Clock& clock, Handler handler, Backoff backoff = {});
  ~KeyedQueue();
  // What the destructor does, while others may still call: their keys are dropped from then on.
  void Stop();

  void Add(std::string_view key);
  // Adds the key when `delay` has passed. The earliest of several delays counts.
  void AddAfter(std::string_view key, absl::Duration delay);
  // Adds the key after its next back-off step; Forget() starts the steps anew.
  void AddWithBackoff(std::string_view key);
  void Forget(std::string_view key);
  size_t size() const;  // keys that wait or run now, without delayed ones

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace berth::base

#endif  // BERTH_BASE_KEYED_QUEUE_H_
