// SPDX-License-Identifier: Apache-2.0
#include "agent/resources/pod_cgroups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/resources/reserved_cgroups.h"
#include "api/codec.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;
using ::testing::ElementsAre;
using ::testing::Key;
using ::testing::UnorderedElementsAre;

// Holds the limits of each group, and refuses writes when told to.
class FakeGroups : public cgroups::Groups {
 public:
  struct State {
    std::map<std::string, cgroups::Limits, std::less<>> groups;
    bool refuses = false;
  };
  explicit FakeGroups(State& state) : state_(state) {}

  absl::Status Create(std::string_view path) override {
    state_.groups[std::string(path)];
    return absl::OkStatus();
  }
  absl::Status Apply(std::string_view path, const cgroups::Limits& limits) override {
    if (state_.refuses) return base::Unavailable("busy");
    const auto it = state_.groups.find(path);
    if (it == state_.groups.end()) return base::NotFound(path);
    it->second = limits;
    return absl::OkStatus();
  }
  absl::Status Remove(std::string_view path) override {
    state_.groups.erase(std::string(path));
    return absl::OkStatus();
  }
  bool Exists(std::string_view path) const override { return state_.groups.contains(path); }
  std::vector<std::string> Children(std::string_view path) const override {
    std::vector<std::string> names;
    for (const auto& [group, limits] : state_.groups) {
      const size_t slash = group.rfind('/');
      if (slash != group.npos && group.substr(0, slash) == path) {
        names.push_back(group.substr(slash + 1));
      }
    }
    return names;
  }
  absl::StatusOr<cgroups::Usage> ReadUsage(std::string_view) const override {
    return cgroups::Usage();
  }

 private:
  State& state_;
};

Pod PodWith(const std::string& uid, const std::string& resources) {
  Pod pod;
  const absl::Status status = api::DecodeJson(
      R"({"metadata":{"name":"p","uid":")" + uid +
          R"("},"spec":{"containers":[{"name":"a","resources":)" + resources + "}]}}",
      pod);
  EXPECT_TRUE(status.ok()) << status;
  return pod;
}

constexpr char kBurstable[] = R"({"requests":{"cpu":"250m"},"limits":{"memory":"64Mi"}})";
constexpr char kGuaranteed[] = R"({"limits":{"cpu":"500m","memory":"1Mi"}})";

class PodCgroupsTest : public ::testing::Test {
 protected:
  PodCgroups Make(CgroupDriver driver) {
    return {std::make_unique<FakeGroups>(state_),
            {.root = "/", .pids_limit = 100, .cpu_quota = true, .driver = driver}};
  }
  FakeGroups::State state_;
};

TEST_F(PodCgroupsTest, KubepodsHasWhatPodsMayUseAndBestEffortTheLeastShare) {
  PodCgroups cgroups = Make(CgroupDriver::kCgroupfs);
  ASSERT_EQ(cgroups.Prepare({{"cpu", 2000}, {"memory", 1 << 30}}), absl::OkStatus());
  EXPECT_THAT(state_.groups,
              ElementsAre(Key("kubepods"), Key("kubepods/besteffort"), Key("kubepods/burstable")));
  EXPECT_EQ(state_.groups["kubepods"].cpu_shares, 2048u);
  EXPECT_EQ(state_.groups["kubepods"].memory_bytes, 1 << 30);
  EXPECT_EQ(state_.groups["kubepods/besteffort"].cpu_shares, 2u);
}

TEST_F(PodCgroupsTest, UnderSystemdEveryGroupIsASlice) {
  PodCgroups cgroups = Make(CgroupDriver::kSystemd);
  ASSERT_EQ(cgroups.Prepare({}), absl::OkStatus());
  EXPECT_THAT(state_.groups,
              ElementsAre(Key("kubepods.slice"), Key("kubepods.slice/kubepods-besteffort.slice"),
                          Key("kubepods.slice/kubepods-burstable.slice")));
  const auto parent = cgroups.EnsurePod(PodWith("a-b", kBurstable));
  ASSERT_TRUE(parent.ok()) << parent.status();
  EXPECT_EQ(*parent, "kubepods-burstable-poda_b.slice");
  EXPECT_TRUE(state_.groups.contains("kubepods.slice/kubepods-burstable.slice/" + *parent));
  ASSERT_TRUE(cgroups.EnsurePod(PodWith("c-d", kGuaranteed)).ok());
  EXPECT_THAT(cgroups.ListPods(), UnorderedElementsAre("a-b", "c-d"));
  ASSERT_EQ(cgroups.RemovePod("a-b"), absl::OkStatus());
  EXPECT_THAT(cgroups.ListPods(), ElementsAre("c-d"));
}

TEST_F(PodCgroupsTest, LimitsFollowTheClassOfThePod) {
  PodCgroups cgroups = Make(CgroupDriver::kCgroupfs);
  ASSERT_EQ(cgroups.Prepare({}), absl::OkStatus());
  ASSERT_TRUE(cgroups.EnsurePod(PodWith("g", kGuaranteed)).ok());
  ASSERT_TRUE(cgroups.EnsurePod(PodWith("b", kBurstable)).ok());
  ASSERT_TRUE(cgroups.EnsurePod(PodWith("e", "{}")).ok());
  EXPECT_EQ(state_.groups["kubepods/podg"],
            (cgroups::Limits{
                .cpu_shares = 512, .cpu_quota_us = 50'000, .memory_bytes = 1 << 20, .pids = 100}));
  EXPECT_EQ(state_.groups["kubepods/burstable/podb"],
            (cgroups::Limits{
                .cpu_shares = 256, .cpu_quota_us = {}, .memory_bytes = 64 << 20, .pids = 100}));
  EXPECT_EQ(
      state_.groups["kubepods/besteffort/pode"],
      (cgroups::Limits{.cpu_shares = 2, .cpu_quota_us = {}, .memory_bytes = {}, .pids = 100}));
}

TEST_F(PodCgroupsTest, TheBurstableShareIsTheSumOfItsPods) {
  PodCgroups cgroups = Make(CgroupDriver::kCgroupfs);
  ASSERT_EQ(cgroups.Prepare({}), absl::OkStatus());
  ASSERT_TRUE(cgroups.EnsurePod(PodWith("1", kBurstable)).ok());
  ASSERT_TRUE(cgroups.EnsurePod(PodWith("2", kBurstable)).ok());
  EXPECT_EQ(state_.groups["kubepods/burstable"].cpu_shares, 512u);
  ASSERT_EQ(cgroups.RemovePod("1"), absl::OkStatus());
  EXPECT_EQ(state_.groups["kubepods/burstable"].cpu_shares, 256u);
}

TEST_F(PodCgroupsTest, AShareThatWasRefusedIsWrittenNextTime) {
  PodCgroups cgroups = Make(CgroupDriver::kCgroupfs);
  ASSERT_EQ(cgroups.Prepare({}), absl::OkStatus());
  ASSERT_TRUE(cgroups.EnsurePod(PodWith("1", kBurstable)).ok());
  ASSERT_TRUE(cgroups.EnsurePod(PodWith("2", kBurstable)).ok());
  state_.refuses = true;
  EXPECT_FALSE(cgroups.RemovePod("1").ok());
  state_.refuses = false;
  ASSERT_TRUE(cgroups.EnsurePod(PodWith("2", kBurstable)).ok());
  EXPECT_EQ(state_.groups["kubepods/burstable"].cpu_shares, 256u);
}

TEST(EnforceReserved, LimitsAGroupThatIsThere) {
  FakeGroups::State state;
  FakeGroups groups(state);
  const Amounts reserved = {{"cpu", 500}, {"memory", 1 << 20}, {"pid", 100}};
  EXPECT_TRUE(absl::IsNotFound(EnforceReserved(groups, "/system.slice", reserved, Reserved::kAll)));
  state.groups["system.slice"];
  EXPECT_TRUE(EnforceReserved(groups, "/system.slice", reserved, Reserved::kCompressible).ok());
  EXPECT_EQ(state.groups["system.slice"].cpu_shares, 512u);
  EXPECT_EQ(state.groups["system.slice"].memory_bytes, std::nullopt);
  EXPECT_TRUE(EnforceReserved(groups, "system.slice", reserved, Reserved::kAll).ok());
  EXPECT_EQ(state.groups["system.slice"].memory_bytes, 1 << 20);
  EXPECT_EQ(state.groups["system.slice"].pids, 100);
  EXPECT_TRUE(absl::IsInvalidArgument(EnforceReserved(groups, "/", reserved, Reserved::kAll)));
}

}  // namespace
}  // namespace berth::agent
