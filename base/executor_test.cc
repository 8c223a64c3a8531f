// SPDX-License-Identifier: Apache-2.0
#include "base/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace berth::base {
namespace {

TEST(ThreadPool, RunsEverythingBeforeItEnds) {
  std::atomic<int> ran = 0;
  {
    ThreadPool pool("test", 3);
    for (int i = 0; i < 1000; ++i) pool.Post([&] { ++ran; });
  }
  EXPECT_EQ(ran, 1000);
}

TEST(ThreadPool, RunsTasksInParallelUpToItsLimit) {
  std::promise<void> first, second;
  ThreadPool pool("test", 2);  // after what its tasks use
  pool.Post([&] {
    first.set_value();
    second.get_future().wait();
  });
  first.get_future().wait();
  pool.Post([&] { second.set_value(); });
}

TEST(ThreadPool, IdleThreadsGoAway) {
  ThreadPool pool("test", 4, absl::Milliseconds(1));
  for (int i = 0; i < 8; ++i) pool.Post([] {});
  while (pool.threads() > 0) std::this_thread::yield();
}

}  // namespace
}  // namespace berth::base
