// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/cluster_disruption.h"

#include "gtest/gtest.h"

namespace berth::controlplane {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
constexpr absl::Duration kGrace = absl::Seconds(50);

TEST(ClusterDisruption, OneLostNodeIsLost) {
  ClusterDisruption disruption(kGrace);
  disruption.Note("n1", true, kNow);
  disruption.Note("n2", true, kNow);
  EXPECT_FALSE(disruption.Note("n2", false, kNow));
  EXPECT_LE(disruption.End(), kNow);
}

TEST(ClusterDisruption, NobodyIsLostWhileNoNodeIsReadyAndAGracePeriodAfter) {
  ClusterDisruption disruption(kGrace);
  disruption.Note("n1", true, kNow);
  disruption.Note("n2", false, kNow);
  EXPECT_TRUE(disruption.Note("n1", false, kNow));
  EXPECT_EQ(disruption.End(), absl::InfiniteFuture());
  EXPECT_FALSE(disruption.Note("n1", false, kNow));
  EXPECT_TRUE(disruption.Note("n2", true, kNow + absl::Seconds(200)));
  EXPECT_EQ(disruption.End(), kNow + absl::Seconds(200) + kGrace);
  EXPECT_FALSE(disruption.Note("n1", true, kNow + absl::Seconds(201)));
}

TEST(ClusterDisruption, ANodeThatIsDeletedCountsNoMore) {
  ClusterDisruption disruption(kGrace);
  disruption.Note("n1", true, kNow);
  disruption.Note("n2", false, kNow);
  EXPECT_TRUE(disruption.Remove("n1", kNow));
  EXPECT_EQ(disruption.End(), absl::InfiniteFuture());
  EXPECT_TRUE(disruption.Remove("n2", kNow));
  EXPECT_FALSE(disruption.Remove("n2", kNow));
  EXPECT_EQ(disruption.nodes(), 0);
}

}  // namespace
}  // namespace berth::controlplane
