// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

namespace berth::base {
namespace {

TEST(FakeClock, RunsTimersInOrderOfTheirTime) {
  FakeClock clock;
  std::vector<int> ran;
  clock.After(absl::Seconds(2), [&] { ran.push_back(2); });
  clock.After(absl::Seconds(1), [&] { ran.push_back(1); });
  clock.Advance(absl::Milliseconds(999));
  EXPECT_TRUE(ran.empty());
  clock.Advance(absl::Seconds(2));
  EXPECT_EQ(ran, (std::vector<int>{1, 2}));
}

TEST(FakeClock, ACancelledTimerDoesNotRun) {
  FakeClock clock;
  bool ran = false;
  const auto id = clock.After(absl::Seconds(1), [&] { ran = true; });
  EXPECT_TRUE(clock.Cancel(id));
  EXPECT_FALSE(clock.Cancel(id));
  clock.Advance(absl::Seconds(5));
  EXPECT_FALSE(ran);
}

TEST(RealClock, CallsBack) {
  RealClock clock;
  std::promise<void> called;
  clock.After(absl::Milliseconds(1), [&] { called.set_value(); });
  called.get_future().wait();
}

TEST(RealClock, DropsPendingTimersWhenItEnds) {
  RealClock clock;
  clock.After(absl::Hours(1), [] { FAIL(); });
}

TEST(RealClock, ATimerForEverDoesNotFire) {
  bool fired = false;
  std::promise<void> soon;
  RealClock clock;
  clock.After(absl::InfiniteDuration(), [&] { fired = true; });
  clock.After(absl::Milliseconds(1), [&] { soon.set_value(); });
  soon.get_future().wait();  // of two timers the earlier one comes first
  EXPECT_FALSE(fired);
}

}  // namespace
}  // namespace berth::base
