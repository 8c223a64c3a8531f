// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/rotation_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Names = std::vector<std::string>;

TEST(PlanCleaning, KeepsTheNewestAndCompressesAllButOne) {
  const CleaningPlan plan =
      PlanCleaning({"0.log", "0.log.20260101-000004", "0.log.20260101-000003",
                    "0.log.20260101-000002.gz", "0.log.20260101-000001.gz", "1.log", "10.log.x"},
                   "0.log", 4);
  EXPECT_THAT(plan.remove, ElementsAre("0.log.20260101-000001.gz"));
  EXPECT_THAT(plan.compress, ElementsAre("0.log.20260101-000003"));
}

TEST(PlanCleaning, RemovesWhatAnInterruptedRunLeft) {
  const CleaningPlan plan =
      PlanCleaning({"0.log", "0.log.20260101-000001", "0.log.20260101-000001.gz",
                    "0.log.20260101-000002", "0.log.20260101-000002.tmp", "0.log.20260101-000003"},
                   "0.log", 5);
  EXPECT_THAT(plan.remove, ElementsAre("0.log.20260101-000001", "0.log.20260101-000002.tmp"));
  EXPECT_THAT(plan.compress, ElementsAre("0.log.20260101-000002"));
}

TEST(PlanCleaning, TwoFilesAreTheOneAndTheOneBefore) {
  const CleaningPlan plan =
      PlanCleaning({"0.log", "0.log.20260101-000001", "0.log.20260101-000002"}, "0.log", 2);
  EXPECT_THAT(plan.remove, ElementsAre("0.log.20260101-000001"));
  EXPECT_THAT(plan.compress, IsEmpty());
  EXPECT_THAT(PlanCleaning({"0.log"}, "0.log", 2).remove, IsEmpty());
}

TEST(RotatedName, IsTheTimeAndSortsLast) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  EXPECT_EQ(RotatedName({"0.log"}, "0.log", now), "0.log.20231114-221320");
  EXPECT_EQ(
      RotatedName({"0.log", "0.log.20231114-221320.gz", "1.log.20991231-000000"}, "0.log", now),
      "0.log.20231114-221321");
  EXPECT_EQ(RotatedName({"0.log.20231231-235959"}, "0.log", now), "0.log.20240101-000000");
  const std::string odd = RotatedName({"0.log.zzz"}, "0.log", now);
  EXPECT_GT(odd, "0.log.zzz");
}

}  // namespace
}  // namespace berth::agent
