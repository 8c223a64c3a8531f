// SPDX-License-Identifier: Apache-2.0
#include "base/keyed_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace berth::base {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class KeyedQueueTest : public ::testing::Test {
 protected:
  FakeClock clock_;
  ManualExecutor executor_;
  std::vector<std::string> handled_;
};

TEST_F(KeyedQueueTest, HandlesAKeyOnceHoweverOftenItWasAdded) {
  KeyedQueue queue(executor_, clock_, [&](const std::string& key) { handled_.push_back(key); });
  queue.Add("a");
  queue.Add("a");
  queue.Add("b");
  executor_.RunAll();
  EXPECT_THAT(handled_, ElementsAre("a", "b"));
  EXPECT_EQ(queue.size(), 0u);
}

TEST_F(KeyedQueueTest, HandlesAgainWhatWasAddedWhileItRan) {
  KeyedQueue* self = nullptr;
  KeyedQueue queue(executor_, clock_, [&](const std::string& key) {
    handled_.push_back(key);
    if (handled_.size() == 1) self->Add(key);
  });
  self = &queue;
  queue.Add("a");
  executor_.RunAll();
  EXPECT_THAT(handled_, ElementsAre("a", "a"));
}

TEST_F(KeyedQueueTest, TheEarliestOfSeveralDelaysCounts) {
  KeyedQueue queue(executor_, clock_, [&](const std::string& key) { handled_.push_back(key); });
  queue.AddAfter("a", absl::Seconds(10));
  queue.AddAfter("a", absl::Seconds(1));
  clock_.Advance(absl::Seconds(1));
  executor_.RunAll();
  EXPECT_THAT(handled_, ElementsAre("a"));
  clock_.Advance(absl::Seconds(20));
  executor_.RunAll();
  EXPECT_THAT(handled_, ElementsAre("a"));
}

TEST_F(KeyedQueueTest, BackoffDoublesUpToItsMaximumAndStartsAnewWhenForgotten) {
  KeyedQueue queue(executor_, clock_, [&](const std::string& key) { handled_.push_back(key); },
                   {.first = absl::Seconds(1), .max = absl::Seconds(3)});
  const auto delay = [&] {
    handled_.clear();
    queue.AddWithBackoff("a");
    int seconds = 0;
    while (handled_.empty()) {
      clock_.Advance(absl::Seconds(1));
      executor_.RunAll();
      ++seconds;
    }
    return seconds;
  };
  EXPECT_EQ(delay(), 1);
  EXPECT_EQ(delay(), 2);
  EXPECT_EQ(delay(), 3);
  EXPECT_EQ(delay(), 3);
  queue.Forget("a");
  EXPECT_EQ(delay(), 1);
}

TEST_F(KeyedQueueTest, DropsDelayedKeysAtItsEnd) {
  {
    KeyedQueue queue(executor_, clock_, [&](const std::string& key) { handled_.push_back(key); });
    queue.AddAfter("a", absl::Seconds(1));
  }
  clock_.Advance(absl::Seconds(2));
  executor_.RunAll();
  EXPECT_THAT(handled_, IsEmpty());
}

TEST(KeyedQueueThreads, NeverHandlesOneKeyTwiceAtATime) {
  RealClock clock;
  ThreadPool pool("test", 4);
  std::atomic<int> inside = 0;
  std::atomic<int> runs = 0;
  std::atomic<bool> overlap = false;
  {
    KeyedQueue queue(pool, clock, [&](const std::string&) {
      if (inside.fetch_add(1) != 0) overlap = true;
      ++runs;
      inside.fetch_sub(1);
    });
    for (int i = 0; i < 10'000; ++i) queue.Add("a");
    while (queue.size() > 0) std::this_thread::yield();
  }
  EXPECT_FALSE(overlap);
  EXPECT_GE(runs, 1);
}

}  // namespace
}  // namespace berth::base
