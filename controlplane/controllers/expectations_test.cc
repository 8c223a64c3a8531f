// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/expectations.h"

#include "gtest/gtest.h"

namespace berth::controlplane {
namespace {

TEST(Expectations, AreOpenUntilEverythingWasSeen) {
  base::FakeClock clock;
  Expectations expectations(clock);
  EXPECT_TRUE(expectations.Satisfied("a"));
  expectations.ExpectCreations("a", 2);
  expectations.ExpectDeletions("a", {"u1"});
  expectations.CreationObserved("a");
  expectations.DeletionObserved("a", "u1");
  expectations.DeletionObserved("a", "u1");
  EXPECT_FALSE(expectations.Satisfied("a"));
  expectations.CreationObserved("a");
  EXPECT_TRUE(expectations.Satisfied("a"));
}

TEST(Expectations, OfOneOwnerDoNotHoldUpAnother) {
  base::FakeClock clock;
  Expectations expectations(clock);
  expectations.ExpectCreations("a", 1);
  expectations.CreationObserved("b");
  EXPECT_FALSE(expectations.Satisfied("a"));
  EXPECT_TRUE(expectations.Satisfied("b"));
}

TEST(Expectations, ExpireWhenAnEventWasLost) {
  base::FakeClock clock;
  Expectations expectations(clock, absl::Minutes(5));
  expectations.ExpectCreations("a", 1);
  EXPECT_EQ(expectations.Deadline("a"), clock.Now() + absl::Minutes(5));
  clock.Advance(absl::Minutes(5));
  EXPECT_FALSE(expectations.Satisfied("a"));
  clock.Advance(absl::Seconds(1));
  EXPECT_TRUE(expectations.Satisfied("a"));
}

TEST(Expectations, AreDroppedWithTheirOwner) {
  base::FakeClock clock;
  Expectations expectations(clock);
  expectations.ExpectCreations("a", 1);
  expectations.Forget("a");
  EXPECT_TRUE(expectations.Satisfied("a"));
}

}  // namespace
}  // namespace berth::controlplane
