// SPDX-License-Identifier: Apache-2.0
// Housekeeping that comes round again and again.
#ifndef BERTH_CONTROLPLANE_PERIODIC_H_
#define BERTH_CONTROLPLANE_PERIODIC_H_

#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/executor.h"

namespace berth::controlplane {

// Runs a task on an executor, each time `period` after the last one ended. Thread-safe.
class Periodic {
 public:
  // `clock` and `executor` outlive it.
  Periodic(base::Clock& clock, base::Executor& executor, absl::Duration period,
           std::function<void()> task);
  ~Periodic();  // waits for a task that runs

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_PERIODIC_H_
