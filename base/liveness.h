// SPDX-License-Identifier: Apache-2.0
// Whether something that runs tasks still does: a task is given to it, and the next check asks
// whether it ran. What a watchdog is fed by. Thread-safe.
#ifndef BERTH_BASE_LIVENESS_H_
#define BERTH_BASE_LIVENESS_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/executor.h"

namespace berth::base {

class Liveness {
 public:
  // `post` hands a task to what is watched; it may be called until the last Check().
  Liveness(std::string what, std::function<void(Executor::Task)> post)
      : what_(std::move(what)), post_(std::move(post)) {}

  // OK at first and whenever the task of the check before has run, and then gives the next one;
  // DeadlineExceeded while it has not. So the time between checks is the time that a task may take.
  absl::Status Check();

 private:
  const std::string what_;
  const std::function<void(Executor::Task)> post_;
  const std::shared_ptr<std::atomic<bool>> ran_ = std::make_shared<std::atomic<bool>>(true);
};

// The first that is not OK; all are asked.
absl::Status CheckAll(std::vector<Liveness>& all);

}  // namespace berth::base

#endif  // BERTH_BASE_LIVENESS_H_
