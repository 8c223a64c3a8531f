// SPDX-License-Identifier: Apache-2.0
#include "cgroups/slices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <map>

#include "base/status.h"
#include "cgroups/slice_properties.h"
#include "cgroups/systemd_bus.h"

namespace berth::cgroups {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;

constexpr uint64_t kInfinity = std::numeric_limits<uint64_t>::max();
constexpr std::string_view kPod =
    "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice";

// Makes and removes directories as systemd does, by the dashes in the names.
class FakeSystemd : public UnitManager {
 public:
  struct State {
    std::map<std::string, std::map<std::string, UnitProperty>> units;
    std::string root;
    bool unreachable = false;
  };
  explicit FakeSystemd(State& state) : state_(state) {}

  absl::Status Start(std::string_view unit, const UnitProperties& properties) override {
    if (state_.unreachable) return base::Unavailable("no bus");
    if (state_.units.contains(std::string(unit))) return base::AlreadyExists(unit);
    fs::create_directories(Path(unit));
    state_.units[std::string(unit)];
    return SetProperties(unit, properties);
  }
  absl::Status SetProperties(std::string_view unit, const UnitProperties& properties) override {
    const auto it = state_.units.find(std::string(unit));
    if (it == state_.units.end()) return base::NotFound(unit);
    for (const auto& property : properties) it->second[property.name] = property;
    return absl::OkStatus();
  }
  absl::Status Stop(std::string_view unit) override {
    if (state_.unreachable) return base::Unavailable("no bus");
    state_.units.erase(std::string(unit));
    fs::remove_all(Path(unit));
    return absl::OkStatus();
  }

 private:
  std::string Path(std::string_view unit) const {
    std::string path = state_.root;
    const std::string_view stem = unit.substr(0, unit.size() - std::string_view(".slice").size());
    for (size_t at = 0; at != stem.npos;) {
      at = stem.find('-', at + 1);
      path += "/" + std::string(stem.substr(0, at)) + ".slice";
    }
    return path;
  }
  State& state_;
};

class SlicesTest : public ::testing::Test {
 protected:
  SlicesTest() {
    for (const char* file : {"cgroup.controllers", "cgroup.subtree_control"}) {
      Put("", file, "cpuset cpu\n");
      Put("kubepods.slice", file, "cpuset cpu\n");
      Put("kubepods.slice/kubepods-burstable.slice", file, "cpuset cpu\n");
    }
  }
  ~SlicesTest() override { fs::remove_all(systemd_.root); }

  static std::string TemporaryFolder() {
    char name[] = "/tmp/slicesXXXXXX";
    return mkdtemp(name);
  }
  void Put(const std::string& group, const std::string& file, const std::string& text) {
    fs::create_directories(systemd_.root + "/" + group);
    std::ofstream(systemd_.root + "/" + group + "/" + file) << text;
  }
  std::string Get(std::string_view group, const std::string& file) {
    std::ifstream in(systemd_.root + "/" + std::string(group) + "/" + file);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  FakeSystemd::State systemd_{.units = {}, .root = TemporaryFolder()};
  Slices slices_{std::make_unique<FakeSystemd>(systemd_),
                 Tree(Hierarchies{{Hierarchy{systemd_.root, {}, true}}, true})};
};

TEST(SliceProperties, ANewSliceIsPulledInByNoShutdownAndAccountedFor) {
  const auto properties = NewSliceProperties("kubepods.slice", "-.slice", /*v2=*/true);
  EXPECT_THAT(properties, Contains(UnitProperty{"Wants", std::vector<std::string>{"-.slice"}}));
  EXPECT_THAT(properties, Contains(UnitProperty{"DefaultDependencies", false}));
  EXPECT_THAT(
      AccountingProperties(/*v2=*/true),
      ElementsAre(UnitProperty{"MemoryAccounting", true}, UnitProperty{"CPUAccounting", true},
                  UnitProperty{"IOAccounting", true}, UnitProperty{"TasksAccounting", true}));
  EXPECT_THAT(AccountingProperties(/*v2=*/false),
              Contains(UnitProperty{"BlockIOAccounting", true}));
}

TEST(SliceProperties, LimitsHaveOtherNamesUnderEachVersion) {
  Limits limits;
  limits.cpu_shares = 1024;
  limits.cpu_quota_us = 50'000;
  limits.memory_bytes = 64 << 20;
  limits.pids = 100;
  EXPECT_THAT(LimitProperties(limits, /*v2=*/true),
              ElementsAre(UnitProperty{"CPUWeight", uint64_t{39}},
                          UnitProperty{"CPUQuotaPerSecUSec", uint64_t{500'000}},
                          UnitProperty{"MemoryMax", uint64_t{64 << 20}},
                          UnitProperty{"TasksMax", uint64_t{100}}));
  EXPECT_THAT(LimitProperties(limits, /*v2=*/false),
              ElementsAre(UnitProperty{"CPUShares", uint64_t{1024}},
                          UnitProperty{"CPUQuotaPerSecUSec", uint64_t{500'000}},
                          UnitProperty{"MemoryLimit", uint64_t{64 << 20}},
                          UnitProperty{"TasksMax", uint64_t{100}}));
}

TEST(SliceProperties, WhatIsUnlimitedOrUnevenOrNotSet) {
  struct {
    int64_t quota_us;
    uint64_t per_second;
  } table[] = {
      {-1, kInfinity}, {1000, 10'000}, {1100, 20'000}, {33'333, 340'000}, {200'000, 2'000'000}};
  for (const auto& row : table) {
    Limits limits;
    limits.cpu_quota_us = row.quota_us;
    EXPECT_THAT(LimitProperties(limits, true),
                ElementsAre(UnitProperty{"CPUQuotaPerSecUSec", row.per_second}));
  }
  Limits none;
  none.memory_bytes = kUnlimited;
  none.pids = kUnlimited;
  EXPECT_THAT(LimitProperties(none, true), ElementsAre(UnitProperty{"MemoryMax", kInfinity},
                                                       UnitProperty{"TasksMax", kInfinity}));
  EXPECT_THAT(LimitProperties({}, true), IsEmpty());
}

TEST_F(SlicesTest, AGroupIsAUnitAndItsControllersAreOn) {
  ASSERT_EQ(slices_.Create(kPod), absl::OkStatus());
  ASSERT_THAT(systemd_.units, ElementsAre(Key("kubepods-burstable-pod1.slice")));
  EXPECT_EQ(systemd_.units.begin()->second.at("Wants"),
            (UnitProperty{"Wants", std::vector<std::string>{"kubepods-burstable.slice"}}));
  EXPECT_TRUE(slices_.Exists(kPod));
  EXPECT_THAT(slices_.Children("kubepods.slice/kubepods-burstable.slice"),
              ElementsAre("kubepods-burstable-pod1.slice"));
}

TEST_F(SlicesTest, ASliceThatSystemdMadeByItselfIsAccountedForToo) {
  systemd_.units["kubepods.slice"];
  ASSERT_EQ(slices_.Create("kubepods.slice"), absl::OkStatus());
  EXPECT_THAT(systemd_.units["kubepods.slice"], Contains(Key("MemoryAccounting")));
  EXPECT_TRUE(slices_.Create("kubepods.slice").ok());
}

TEST_F(SlicesTest, LimitsGoToTheUnitAndExactlyToTheFiles) {
  ASSERT_EQ(slices_.Create(kPod), absl::OkStatus());
  Put(std::string(kPod), "cpu.max", "");
  Limits limits;
  limits.cpu_quota_us = 33'333;
  ASSERT_TRUE(slices_.Apply(kPod, limits).ok());
  EXPECT_EQ(systemd_.units.begin()->second.at("CPUQuotaPerSecUSec"),
            (UnitProperty{"CPUQuotaPerSecUSec", uint64_t{340'000}}));
  EXPECT_EQ(Get(kPod, "cpu.max"), "33333 100000");
}

TEST_F(SlicesTest, AUnitThatCannotBeStoppedKeepsItsDirectoryAndIsFoundAgain) {
  ASSERT_EQ(slices_.Create(kPod), absl::OkStatus());
  systemd_.unreachable = true;
  EXPECT_FALSE(slices_.Remove(kPod).ok());
  EXPECT_TRUE(slices_.Exists(kPod));
  systemd_.unreachable = false;
  ASSERT_TRUE(slices_.Remove(kPod).ok());
  EXPECT_FALSE(slices_.Exists(kPod));
  EXPECT_THAT(systemd_.units, IsEmpty());
  EXPECT_TRUE(slices_.Remove(kPod).ok());
}

TEST_F(SlicesTest, OnlySlicesAreNames) {
  EXPECT_TRUE(absl::IsInvalidArgument(slices_.Create("kubepods/pod1")));
  EXPECT_TRUE(absl::IsInvalidArgument(slices_.Remove("/")));
}

// Where systemd is the init system; e2e/packages_test.py runs it there.
TEST(RealSystemd, MakesLimitsAndRemovesASlice) {
  if (geteuid() != 0 || sd_booted() <= 0) GTEST_SKIP() << "needs root and systemd as PID 1";
  auto units = ConnectSystemd();
  ASSERT_TRUE(units.ok()) << units.status();
  const auto found = DiscoverHierarchies();
  ASSERT_TRUE(found.ok());
  Slices slices(*std::move(units), Tree(*found));
  const std::string top = "berthtest" + std::to_string(getpid());
  const std::string path = top + ".slice/" + top + "-pod1.slice";
  ASSERT_TRUE(slices.Create(path).ok());
  EXPECT_TRUE(slices.Create(path).ok());
  EXPECT_TRUE(slices.Create(top + ".slice").ok());
  EXPECT_TRUE(slices.Exists(path));
  Limits limits;
  limits.cpu_shares = 256;
  limits.cpu_quota_us = 33'333;
  limits.memory_bytes = 64 << 20;
  limits.pids = 50;
  const absl::Status applied = slices.Apply(path, limits);
  EXPECT_TRUE(applied.ok()) << applied;
  EXPECT_TRUE(slices.Remove(top + ".slice").ok());
  EXPECT_FALSE(slices.Exists(path));
}

}  // namespace
}  // namespace berth::cgroups
