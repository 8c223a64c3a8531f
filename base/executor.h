// SPDX-License-Identifier: Apache-2.0
// Where work runs. Our own threads start here and in http/ only.
#ifndef BERTH_BASE_EXECUTOR_H_
#define BERTH_BASE_EXECUTOR_H_

#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "base/mutex.h"

namespace berth::base {

class Executor {
 public:
  using Task = absl::AnyInvocable<void()>;
  virtual ~Executor() = default;
  // Runs `task` soon, on another thread or (in tests) when told to. From any thread.
  virtual void Post(Task task) = 0;
};

// Threads come with work, up to `max_threads`, and go when idle for `idle`.
// The destructor runs what was posted before it and waits for it.
class ThreadPool : public Executor {
 public:
  ThreadPool(std::string name, int max_threads, absl::Duration idle = absl::Seconds(5));
  ~ThreadPool() override;
  void Post(Task task) override;
  int threads() const;

 private:
  void Run();

  const std::string name_;  // threads carry it, cut to the kernel's 15 characters
  const int max_threads_;
  const absl::Duration idle_;
  mutable Mutex mu_;
  CondVar wake_;
  std::deque<Task> tasks_ BERTH_GUARDED_BY(mu_);
  int waiting_ BERTH_GUARDED_BY(mu_) = 0;
  int running_ BERTH_GUARDED_BY(mu_) = 0;
  bool stopping_ BERTH_GUARDED_BY(mu_) = false;
  CondVar ended_;
};

// For tests: tasks wait until RunAll() runs them, in order, on the caller's thread.
class ManualExecutor : public Executor {
 public:
  void Post(Task task) override;
  // Runs tasks, also those that they post, until none is left; returns how many ran.
  int RunAll();

 private:
  Mutex mu_;
  std::deque<Task> tasks_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::base

#endif  // BERTH_BASE_EXECUTOR_H_
