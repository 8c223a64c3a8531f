// SPDX-License-Identifier: Apache-2.0
#include "agent/eviction/evictions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class EvictionsTest : public ::testing::Test {
 protected:
  EvictionsTest() {
    config_.eviction_hard = {{"memory.available", "100"}, {"nodefs.available", "100"}};
    config_.enforce_node_allocatable = {};
    left_ = {{Signal::kMemory, {1000, 1000}}, {Signal::kNodeFs, {1000, 1000}}};
  }
  void Begin() {
    Evictions::Parts parts;
    parts.disks = [] { return DiskLayout{}; };
    parts.signals = [this] { return left_; };
    parts.measure = [this](const auto&) { return uses_; };
    parts.active_pods = [this] { return pods_; };
    parts.end = [this](const std::string& uid, const PodVerdict& verdict) {
      ended_.push_back(uid);
      verdict_ = verdict;
    };
    parts.free_containers = [this] { did_.push_back("containers"); };
    parts.free_images = [this] {
      did_.push_back("images");
      if (images_help_) left_[Signal::kNodeFs].available = 1000;
    };
    parts.pressure_changed = [this] { did_.push_back("changed"); };
    parts.node_event = [this](std::string_view, std::string_view reason, std::string_view message) {
      did_.push_back(base::StrCat(reason, ": ", message));
    };
    parts.evicted_event = [](const auto&...) {};
    parts.count = [this](std::string_view signal) { counted_.emplace_back(signal); };
    evictions_ = std::make_unique<Evictions>(config_, std::move(parts), executor_, clock_);
    evictions_->Start();
    executor_.RunAll();
  }
  void Advance(absl::Duration by) {
    clock_.Advance(by);
    executor_.RunAll();
  }
  std::shared_ptr<Pod> Add(const std::string& name, int64_t memory, int32_t priority = 0) {
    auto pod = std::make_shared<Pod>();
    pod->mutable_metadata()->set_name(name);
    pod->mutable_metadata()->set_uid(name);
    pod->mutable_spec()->set_priority(priority);
    pod->mutable_spec()->set_termination_grace_period_seconds(30);
    pods_.push_back(pod);
    uses_[name].memory = memory;
    return pod;
  }

  KubeletConfig config_;
  SignalValues left_;
  std::vector<Evictions::PodPtr> pods_;
  std::map<std::string, PodUse> uses_;
  bool images_help_ = false;
  std::vector<std::string> ended_, did_, counted_;
  PodVerdict verdict_;
  base::FakeClock clock_;
  base::ManualExecutor executor_;
  std::unique_ptr<Evictions> evictions_;
};

TEST_F(EvictionsTest, MemoryPressureIsSeenWithinASecondAndTheLargestGoes) {
  Add("small", 10);
  Add("large", 500);
  Begin();
  EXPECT_THAT(did_, IsEmpty());
  left_[Signal::kMemory].available = 50;
  Advance(absl::Seconds(1));
  EXPECT_THAT(ended_, ElementsAre("large"));
  EXPECT_EQ(verdict_.reason, "Evicted");
  EXPECT_EQ(verdict_.message,
            "The node was low on resource: memory. Threshold quantity: 100, available: 50. ");
  EXPECT_EQ(verdict_.disruption, verdict_.message);
  EXPECT_EQ(verdict_.grace, absl::Seconds(1));
  EXPECT_THAT(did_, ElementsAre("changed", "EvictionThresholdMet: Attempting to reclaim memory"));
  EXPECT_THAT(counted_, ElementsAre("memory.available"));
  EXPECT_EQ(TextOf(evictions_->pressures()), "[MemoryPressure]");
}

TEST_F(EvictionsTest, OneAtATimeAndTheNextWhenThatOneIsGone) {
  Add("small", 10);
  Add("large", 500);
  left_[Signal::kMemory].available = 50;
  Begin();
  Advance(absl::Seconds(20));
  EXPECT_THAT(ended_, ElementsAre("large"));
  pods_.pop_back();
  Advance(absl::Seconds(1));
  EXPECT_THAT(ended_, ElementsAre("large", "small"));
}

TEST_F(EvictionsTest, OneThatDoesNotGoHoldsTheOthersForAWhileOnly) {
  Add("small", 10);
  Add("large", 500);
  left_[Signal::kMemory].available = 50;
  Begin();
  Advance(absl::Seconds(30));
  EXPECT_THAT(ended_, ElementsAre("large", "small"));
}

TEST_F(EvictionsTest, CriticalPodsStay) {
  Add("system", 900, 2'000'000'000);
  Add("small", 10);
  left_[Signal::kMemory].available = 50;
  Begin();
  EXPECT_THAT(ended_, ElementsAre("small"));
  pods_.pop_back();
  Advance(absl::Seconds(60));
  EXPECT_THAT(ended_, ElementsAre("small"));
}

TEST_F(EvictionsTest, DiskIsFreedOfWhatNobodyUsesFirst) {
  Add("any", 0);
  images_help_ = true;
  left_[Signal::kNodeFs].available = 50;
  Begin();
  EXPECT_THAT(
      did_, ElementsAre("changed", "EvictionThresholdMet: Attempting to reclaim ephemeral-storage",
                        "containers", "images"));
  EXPECT_THAT(ended_, IsEmpty());
  EXPECT_EQ(TextOf(evictions_->pressures()), "[DiskPressure]");
  Advance(absl::Minutes(6));
  EXPECT_EQ(TextOf(evictions_->pressures()), "[]");
}

TEST_F(EvictionsTest, ThenAPodGoes) {
  Add("any", 0);
  left_[Signal::kNodeFs].available = 50;
  Begin();
  EXPECT_THAT(ended_, ElementsAre("any"));
}

TEST_F(EvictionsTest, ASoftThresholdLeavesGraceUpToTheMaximum) {
  config_.eviction_hard = {};
  config_.eviction_soft = {{"memory.available", "100"}};
  config_.eviction_soft_grace_period = {{"memory.available", "5s"}};
  config_.eviction_max_pod_grace_period = 20;
  Add("any", 10);
  left_[Signal::kMemory].available = 50;
  Begin();
  Advance(absl::Seconds(4));
  EXPECT_THAT(ended_, IsEmpty());
  Advance(absl::Seconds(1));
  EXPECT_THAT(ended_, ElementsAre("any"));
  EXPECT_EQ(verdict_.grace, absl::Seconds(20));
}

TEST_F(EvictionsTest, ALimitOfItsOwnEndsAPodWithoutPressure) {
  auto pod = Add("writer", 0);
  auto* volume = pod->mutable_spec()->add_volumes();
  volume->set_name("data");
  volume->mutable_volume_source()->mutable_empty_dir()->mutable_size_limit()->set_string("1Ki");
  uses_["writer"].volumes["data"].bytes = 1024;
  Begin();
  EXPECT_THAT(ended_, IsEmpty());
  uses_["writer"].volumes["data"].bytes = 1025;
  Advance(absl::Seconds(10));
  EXPECT_THAT(ended_, ElementsAre("writer"));
  EXPECT_EQ(verdict_.message, "Usage of EmptyDir volume \"data\" exceeds the limit \"1Ki\". ");
  EXPECT_EQ(verdict_.disruption, "");
  EXPECT_THAT(counted_, ElementsAre("emptydirfs.limit"));
  Advance(absl::Seconds(30));
  EXPECT_EQ(ended_.size(), 1u);
}

TEST_F(EvictionsTest, UnderPressureNewPodsStayOut) {
  Begin();
  auto best_effort = Add("plain", 0);
  auto burstable = Add("asks", 0);
  (*burstable->mutable_spec()->add_containers()->mutable_resources()->mutable_requests())["cpu"]
      .set_string("1");
  auto tolerant = Add("tolerant", 0);
  auto* toleration = tolerant->mutable_spec()->add_tolerations();
  toleration->set_key("node.kubernetes.io/memory-pressure");
  toleration->set_operator_("Exists");
  auto critical = Add("system", 0, 2'000'000'000);
  const auto pods = std::exchange(pods_, {});
  const auto refused = [&] {
    std::vector<std::string> names;
    for (const auto& pod : pods) {
      if (evictions_->Admit(*pod).has_value()) names.push_back(pod->metadata().name());
    }
    return base::Join(names, " ");
  };
  EXPECT_EQ(refused(), "");
  left_[Signal::kMemory].available = 50;
  Advance(absl::Seconds(1));
  EXPECT_EQ(refused(), "plain");
  EXPECT_EQ(evictions_->Admit(*best_effort)->reason, "Evicted");
  EXPECT_EQ(evictions_->Admit(*best_effort)->message,
            "Pod was rejected: The node had condition: [MemoryPressure]. ");
  left_[Signal::kNodeFs].available = 50;
  Advance(absl::Seconds(1));
  EXPECT_EQ(refused(), "plain asks tolerant");
}

}  // namespace
}  // namespace berth::agent
