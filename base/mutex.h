// SPDX-License-Identifier: Apache-2.0
// std::mutex with clang's thread-safety annotations. Debian's abseil is not built for
// ThreadSanitizer, so absl::Mutex would report races that are none.
#ifndef BERTH_BASE_MUTEX_H_
#define BERTH_BASE_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"

#if defined(__clang__)
#define BERTH_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define BERTH_THREAD_ANNOTATION(x)
#endif
#define BERTH_GUARDED_BY(x) BERTH_THREAD_ANNOTATION(guarded_by(x))
#define BERTH_REQUIRES(...) BERTH_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define BERTH_EXCLUDES(...) BERTH_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))

namespace berth::base {

class BERTH_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void Lock() BERTH_THREAD_ANNOTATION(acquire_capability()) { mu_.lock(); }
  void Unlock() BERTH_THREAD_ANNOTATION(release_capability()) { mu_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mu_;
};

class BERTH_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mu) BERTH_THREAD_ANNOTATION(acquire_capability(mu)) : mu_(mu) {
    mu_.Lock();
  }
  ~MutexLock() BERTH_THREAD_ANNOTATION(release_capability()) { mu_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mu_;
};

// Waits may wake without a cause: callers loop on their condition.
class CondVar {
 public:
  void Wait(Mutex& mu) BERTH_REQUIRES(mu) {
    std::unique_lock<std::mutex> lock(mu.mu_, std::adopt_lock);
    cv_.wait(lock);
    lock.release();
  }
  // False when `timeout` passed first.
  bool WaitFor(Mutex& mu, absl::Duration timeout) BERTH_REQUIRES(mu) {
    std::unique_lock<std::mutex> lock(mu.mu_, std::adopt_lock);
    const bool woken =
        cv_.wait_for(lock, absl::ToChronoNanoseconds(timeout)) == std::cv_status::no_timeout;
    lock.release();
    return woken;
  }
  void NotifyOne() { cv_.notify_one(); }
  void NotifyAll() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace berth::base

#endif  // BERTH_BASE_MUTEX_H_
