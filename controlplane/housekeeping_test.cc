// SPDX-License-Identifier: Apache-2.0
#include "controlplane/housekeeping.h"

#include "base/executor.h"
#include "controlplane/apiserver/api_fixture.h"
#include "controlplane/periodic.h"

namespace berth::controlplane {
namespace {

class HousekeepingTest : public ApiFixture {};

TEST_F(HousekeepingTest, EventsGoAnHourAfterTheyWereLastWritten) {
  const std::string events = "/api/v1/namespaces/default/events";
  Make(events, R"({"metadata":{"name":"old"},"involvedObject":{"namespace":"default"}})");
  Make(
      events,
      R"({"metadata":{"name":"again"},"involvedObject":{"namespace":"default"},"lastTimestamp":"2023-11-14T23:00:00Z"})");
  clock_.Advance(absl::Minutes(59));
  EXPECT_EQ(DeleteOldEvents(server_->registry(), clock_.Now()), 0);
  clock_.Advance(absl::Minutes(2));
  EXPECT_EQ(DeleteOldEvents(server_->registry(), clock_.Now()), 1);
  EXPECT_EQ(Get(events + "/old")->response().status, 404);
  EXPECT_EQ(Get(events + "/again")->response().status, 200);
}

TEST_F(HousekeepingTest, CompactionIsOneRoundBehind) {
  Compaction compaction(*store_);
  Make("/api/v1/namespaces/default/configmaps", R"({"metadata":{"name":"a"}})");
  const int64_t revision = store_->revision();
  compaction.Run();
  EXPECT_TRUE(store_->History("/", revision - 1).ok());
  Make("/api/v1/namespaces/default/configmaps", R"({"metadata":{"name":"b"}})");
  compaction.Run();
  EXPECT_TRUE(absl::IsOutOfRange(store_->History("/", revision - 1).status()));
  EXPECT_TRUE(store_->History("/", revision).ok());
}

TEST(Periodic, RunsAgainAfterEachPeriodUntilItEnds) {
  base::FakeClock clock;
  base::ManualExecutor executor;
  int runs = 0;
  {
    Periodic periodic(clock, executor, absl::Minutes(5), [&runs] { ++runs; });
    for (int i = 0; i < 3; ++i) {
      clock.Advance(absl::Minutes(5));
      executor.RunAll();
    }
    EXPECT_EQ(runs, 3);
    clock.Advance(absl::Minutes(5));
  }
  executor.RunAll();
  EXPECT_EQ(runs, 3);
}

}  // namespace
}  // namespace berth::controlplane
