// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "cgroups/hierarchy.h"
#include "cgroups/limits.h"
#include "cgroups/tree.h"

namespace berth::cgroups {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class TempTree : public ::testing::Test {
 protected:
  TempTree() {
    char name[] = "/tmp/cgroupsXXXXXX";
    root_ = mkdtemp(name);
  }
  ~TempTree() override { fs::remove_all(root_); }

  void Put(const std::string& file, const std::string& text) {
    fs::create_directories(fs::path(root_ + "/" + file).parent_path());
    std::ofstream(root_ + "/" + file) << text;
  }
  std::string Get(const std::string& file) {
    std::ifstream in(root_ + "/" + file);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  Tree V2() { return Tree(Hierarchies{{Hierarchy{root_, {}, true}}, true}); }
  Tree V1() {
    Hierarchies h;
    for (const char* name : {"cpu", "memory", "pids", "cpuset", "freezer"}) {
      fs::create_directories(root_ + "/" + name);
      h.all.push_back({root_ + "/" + name, {name}, false});
    }
    return Tree(h);
  }

  std::string root_;
};

TEST(ParseMountInfo, FindsEachV1HierarchyOnce) {
  const auto found = ParseMountInfo(
      "30 23 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
      "31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "32 23 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
      "33 23 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
      "34 23 0:27 / /mnt/again rw - cgroup cgroup rw,memory\n"
      "35 23 0:30 / /proc rw - proc proc rw\n");
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE(found->v2);
  ASSERT_EQ(found->all.size(), 4u);
  EXPECT_THAT(found->all[0].controllers, ElementsAre("cpu", "cpuacct"));
  EXPECT_TRUE(found->all[2].Has("name=systemd"));
}

TEST(ParseMountInfo, AUnifiedHostIsV2) {
  const auto found = ParseMountInfo("33 23 0:29 / /sys/fs/c\\040g rw - cgroup2 cgroup2 rw\n");
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->v2);
  EXPECT_EQ(found->all[0].mount_point, "/sys/fs/c g");
}

TEST(ParseMountInfo, NothingMountedIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(ParseMountInfo("garbage\n - \n").status()));
}

TEST(Limits, FollowKubernetesArithmetic) {
  EXPECT_EQ(SharesFromMilliCpu(0), 2u);
  EXPECT_EQ(SharesFromMilliCpu(1), 2u);
  EXPECT_EQ(SharesFromMilliCpu(250), 256u);
  EXPECT_EQ(SharesFromMilliCpu(2000), 2048u);
  EXPECT_EQ(SharesFromMilliCpu(1'000'000'000'000), 262144u);
  EXPECT_EQ(QuotaFromMilliCpu(0), -1);
  EXPECT_EQ(QuotaFromMilliCpu(5), 1000);
  EXPECT_EQ(QuotaFromMilliCpu(500), 50000);
  EXPECT_EQ(WeightFromShares(2), 1u);
  EXPECT_EQ(WeightFromShares(1024), 39u);
  EXPECT_EQ(WeightFromShares(262144), 10000u);
}

TEST_F(TempTree, V2EnablesControllersDownThePath) {
  Put("cgroup.controllers", "cpuset cpu io memory pids\n");
  Put("cgroup.subtree_control", "memory\n");
  Put("kubepods/cgroup.controllers", "cpu memory\n");
  Put("kubepods/cgroup.subtree_control", "");
  ASSERT_TRUE(V2().Create("kubepods/pod1").ok());
  EXPECT_EQ(Get("cgroup.subtree_control"), "+cpuset +cpu +pids");
  EXPECT_EQ(Get("kubepods/cgroup.subtree_control"), "+cpu +memory");
  EXPECT_TRUE(fs::is_directory(root_ + "/kubepods/pod1"));
}

TEST_F(TempTree, V2WritesWeightsAndMax) {
  for (const char* file : {"cpu.weight", "cpu.max", "memory.max", "pids.max"}) {
    Put(std::string("g/") + file, "");
  }
  Limits limits;
  limits.cpu_shares = 1024;
  limits.cpu_quota_us = kUnlimited;
  limits.memory_bytes = 4096;
  limits.pids = kUnlimited;
  ASSERT_TRUE(V2().Apply("g", limits).ok());
  EXPECT_EQ(Get("g/cpu.weight"), "39");
  EXPECT_EQ(Get("g/cpu.max"), "max 100000");
  EXPECT_EQ(Get("g/memory.max"), "4096");
  EXPECT_EQ(Get("g/pids.max"), "max");
}

TEST_F(TempTree, V1CpusetsInheritFromAbove) {
  Tree tree = V1();
  Put("cpuset/cpuset.cpus", "0-1\n");
  Put("cpuset/cpuset.mems", "0\n");
  Put("cpuset/a/cpuset.cpus", "\n");
  Put("cpuset/a/cpuset.mems", "\n");
  ASSERT_TRUE(tree.Create("a").ok());
  EXPECT_EQ(Get("cpuset/a/cpuset.cpus"), "0-1");
  EXPECT_EQ(Get("cpuset/a/cpuset.mems"), "0");
  EXPECT_TRUE(fs::is_directory(root_ + "/memory/a"));
  EXPECT_FALSE(fs::is_directory(root_ + "/freezer/a"));
}

TEST_F(TempTree, V1WritesEachControllersFiles) {
  Tree tree = V1();
  for (const char* file : {"cpu/g/cpu.shares", "cpu/g/cpu.cfs_period_us", "cpu/g/cpu.cfs_quota_us",
                           "memory/g/memory.limit_in_bytes", "pids/g/pids.max"}) {
    Put(file, "");
  }
  Limits limits;
  limits.cpu_shares = 512;
  limits.cpu_quota_us = 50000;
  limits.memory_bytes = 1 << 20;
  limits.pids = 100;
  ASSERT_TRUE(tree.Apply("g", limits).ok());
  EXPECT_EQ(Get("cpu/g/cpu.shares"), "512");
  EXPECT_EQ(Get("cpu/g/cpu.cfs_quota_us"), "50000");
  EXPECT_EQ(Get("memory/g/memory.limit_in_bytes"), "1048576");
  EXPECT_EQ(Get("pids/g/pids.max"), "100");
}

TEST_F(TempTree, RemoveTakesTheWholeTreeInEveryHierarchy) {
  Tree tree = V1();
  fs::create_directories(root_ + "/cpu/k/pod1/c1");
  fs::create_directories(root_ + "/freezer/k/pod1/c1");
  EXPECT_THAT(tree.Children("k"), ElementsAre("pod1"));
  ASSERT_TRUE(tree.Remove("k/pod1").ok());
  EXPECT_FALSE(tree.Exists("k/pod1"));
  EXPECT_TRUE(tree.Exists("k"));
  EXPECT_TRUE(tree.Remove("k/pod1").ok());
}

TEST_F(TempTree, NamesCannotLeaveTheTree) {
  fs::create_directories(root_ + "/cpu");
  EXPECT_FALSE(V1().Create("../evil").ok());
  EXPECT_FALSE(fs::exists(root_ + "/evil"));
}

TEST_F(TempTree, UsageLeavesInactiveFilePagesOut) {
  Put("g/memory.current", "1000\n");
  Put("g/memory.stat", "anon 5\ninactive_file 300\n");
  Put("g/cpu.stat", "usage_usec 7\nuser_usec 3\n");
  const auto usage = V2().ReadUsage("g");
  ASSERT_TRUE(usage.ok());
  EXPECT_EQ(usage->cpu_ns, 7000u);
  EXPECT_EQ(usage->working_set_bytes, 700u);
}

// On the machine's own hierarchies, in a group of our own.
TEST(RealCgroups, CreateLimitAndRemove) {
  const auto found = DiscoverHierarchies();
  if (geteuid() != 0 || !found.ok()) GTEST_SKIP() << "needs root and a cgroup mount";
  Tree tree(*found);
  const std::string path = base::StrCat("berth-test-", getpid());
  const absl::Status made = tree.Create(path + "/pod1");
  if (!made.ok()) {
    (void)tree.Remove(path);
    GTEST_SKIP() << "cgroups are not ours to write: " << made;
  }
  Limits limits;
  limits.cpu_shares = 256;
  limits.memory_bytes = 64 << 20;
  EXPECT_TRUE(tree.Apply(path + "/pod1", limits).ok());
  EXPECT_TRUE(tree.ReadUsage(path + "/pod1").ok());
  EXPECT_TRUE(tree.Remove(path).ok());
  EXPECT_FALSE(tree.Exists(path));
}

}  // namespace
}  // namespace berth::cgroups
