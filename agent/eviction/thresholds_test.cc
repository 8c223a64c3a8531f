// SPDX-License-Identifier: Apache-2.0
#include "agent/eviction/thresholds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace berth::agent {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
constexpr absl::Duration kTransition = absl::Minutes(5);

std::string Text(const std::vector<Threshold>& thresholds) {
  std::vector<std::string> out;
  for (const Threshold& t : thresholds) {
    out.push_back(base::StrCat(NameOf(t.signal), t.hard ? "<" : "~", t.amount, "+", t.reclaim));
  }
  return base::Join(out, " ");
}

KubeletConfig Config() {
  KubeletConfig config;
  config.eviction_hard = {{"memory.available", "100Mi"}, {"nodefs.available", "10%"}};
  return config;
}

TEST(ThresholdsOf, HardOnesOfMemoryHoldForThePodsToo) {
  KubeletConfig config = Config();
  config.eviction_minimum_reclaim = {{"nodefs.available", "1Gi"}};
  EXPECT_EQ(
      Text(ThresholdsOf(config, {})),
      "memory.available<100Mi+0 nodefs.available<10%+1Gi allocatableMemory.available<100Mi+0");
  config.enforce_node_allocatable = {"none"};
  EXPECT_EQ(Text(ThresholdsOf(config, {})), "memory.available<100Mi+0 nodefs.available<10%+1Gi");
}

TEST(ThresholdsOf, ADiskThatIsNotThereHasNone) {
  KubeletConfig config;
  config.enforce_node_allocatable = {};
  config.eviction_hard = {
      {"imagefs.available", "15%"}, {"containerfs.available", "5%"}, {"pid.available", "0"}};
  EXPECT_EQ(Text(ThresholdsOf(config, {})), "");
  EXPECT_EQ(Text(ThresholdsOf(config, {.image_fs = true})), "imagefs.available<15%+0");
}

TEST(ThresholdsOf, SoftOnesHaveTheirGrace) {
  KubeletConfig config;
  config.eviction_hard = {};
  config.eviction_soft = {{"memory.available", "200Mi"}};
  config.eviction_soft_grace_period = {{"memory.available", "1m30s"}};
  const auto all = ThresholdsOf(config, {});
  ASSERT_EQ(Text(all), "memory.available~200Mi+0");
  EXPECT_EQ(all[0].grace, absl::Seconds(90));
}

Threshold Memory(const std::string& amount, bool hard = true, absl::Duration grace = {}) {
  Threshold t;
  t.signal = Signal::kMemory;
  t.amount = amount;
  t.hard = hard;
  t.grace = grace;
  return t;
}
SignalValues Left(int64_t memory, int64_t disk = 1000) {
  return {{Signal::kMemory, {memory, 1000}}, {Signal::kNodeFs, {disk, 1000}}};
}

TEST(LookAtThresholds, AHardOneIsDueAtOnce) {
  const auto step = LookAtThresholds({Memory("100")}, {}, Left(99), kTransition, kNow);
  EXPECT_EQ(Text(step.due), "memory.available<100+0");
  EXPECT_EQ(TextOf(step.pressures), "[MemoryPressure]");
  const auto enough = LookAtThresholds({Memory("100")}, {}, Left(100), kTransition, kNow);
  EXPECT_EQ(Text(enough.due), "");
  EXPECT_EQ(TextOf(enough.pressures), "[]");
}

TEST(LookAtThresholds, ASoftOneIsDueWhenItHasBeenMetForItsGrace) {
  const std::vector<Threshold> soft = {Memory("100", false, absl::Seconds(30))};
  auto step = LookAtThresholds(soft, {}, Left(50), kTransition, kNow);
  EXPECT_EQ(Text(step.due), "");
  EXPECT_EQ(TextOf(step.pressures), "[MemoryPressure]");
  step = LookAtThresholds(soft, step.next, Left(50), kTransition, kNow + absl::Seconds(29));
  EXPECT_EQ(Text(step.due), "");
  const auto due =
      LookAtThresholds(soft, step.next, Left(50), kTransition, kNow + absl::Seconds(30));
  EXPECT_EQ(Text(due.due), "memory.available~100+0");
  // An interruption begins the grace anew.
  step = LookAtThresholds(soft, step.next, Left(100), kTransition, kNow + absl::Seconds(30));
  step = LookAtThresholds(soft, step.next, Left(50), kTransition, kNow + absl::Seconds(31));
  step = LookAtThresholds(soft, step.next, Left(50), kTransition, kNow + absl::Seconds(60));
  EXPECT_EQ(Text(step.due), "");
}

TEST(LookAtThresholds, OnceMetItHoldsUntilTheReclaimIsReached) {
  Threshold threshold = Memory("100");
  threshold.reclaim = "50";
  auto step = LookAtThresholds({threshold}, {}, Left(120), kTransition, kNow);
  EXPECT_EQ(Text(step.due), "");
  step = LookAtThresholds({threshold}, step.next, Left(99), kTransition, kNow);
  step = LookAtThresholds({threshold}, step.next, Left(120), kTransition, kNow);
  EXPECT_EQ(Text(step.due), "memory.available<100+50");
  step = LookAtThresholds({threshold}, step.next, Left(150), kTransition, kNow);
  EXPECT_EQ(Text(step.due), "");
}

TEST(LookAtThresholds, TheConditionIsHeldForTheTransitionPeriod) {
  auto step = LookAtThresholds({Memory("100")}, {}, Left(50), kTransition, kNow);
  step = LookAtThresholds({Memory("100")}, step.next, Left(500), kTransition,
                          kNow + absl::Seconds(299));
  EXPECT_EQ(TextOf(step.pressures), "[MemoryPressure]");
  EXPECT_EQ(Text(step.due), "");
  step = LookAtThresholds({Memory("100")}, step.next, Left(500), kTransition,
                          kNow + absl::Seconds(300));
  EXPECT_EQ(TextOf(step.pressures), "[]");
}

TEST(LookAtThresholds, MemoryComesFirst) {
  Threshold disk;
  disk.signal = Signal::kNodeFs;
  disk.amount = "10%";
  const auto step = LookAtThresholds({disk, Memory("10%")}, {}, Left(50, 50), kTransition, kNow);
  EXPECT_EQ(Text(step.due), "memory.available<10%+0 nodefs.available<10%+0");
  EXPECT_EQ(TextOf(step.pressures), "[MemoryPressure DiskPressure]");
}

TEST(LookAtThresholds, WhatCannotBeReadIsNotMet) {
  EXPECT_EQ(Text(LookAtThresholds({Memory("100")}, {}, {}, kTransition, kNow).due), "");
}

}  // namespace
}  // namespace berth::agent
