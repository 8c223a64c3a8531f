// SPDX-License-Identifier: Apache-2.0
#include "netproxy/proxy_health.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace berth::netproxy {
namespace {

TEST(ProxyHealth, IsUnhealthyWhileAChangeWaitsTooLong) {
  base::FakeClock clock;
  ProxyHealth health(clock, absl::Seconds(30));
  EXPECT_FALSE(health.Healthy()) << "nothing has happened yet";
  health.Queued();
  EXPECT_TRUE(health.Healthy());
  clock.Advance(absl::Seconds(50));
  health.Queued();  // the oldest counts
  clock.Advance(absl::Seconds(11));
  EXPECT_FALSE(health.Healthy());
  EXPECT_EQ(health.Answer("/healthz").status, 503);
  health.Updated();
  EXPECT_EQ(health.Answer("/healthz").status, 200);
}

TEST(ProxyHealth, ANodeAboutToGoIsLiveButGetsNoTraffic) {
  base::FakeClock clock;
  ProxyHealth health(clock, absl::Seconds(30));
  health.Updated();
  health.SetNodeEligible(false);
  EXPECT_EQ(health.Answer("/healthz").status, 503);
  EXPECT_THAT(health.Answer("/healthz").body, testing::HasSubstr("\"nodeEligible\": false"));
  EXPECT_EQ(health.Answer("/livez").status, 200);
}

}  // namespace
}  // namespace berth::netproxy
