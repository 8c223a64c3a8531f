// SPDX-License-Identifier: Apache-2.0
#include "agent/eviction/disk_walk.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace berth::agent {
namespace {

namespace fs = std::filesystem;

TEST(MeasureTree, CountsBlocksOnceAndFollowsNoLinks) {
  char name[] = "/tmp/walkXXXXXX";
  const std::string dir = mkdtemp(name);
  const DiskUse empty = MeasureTree(dir);
  EXPECT_EQ(empty.inodes, 1);
  fs::create_directories(dir + "/a/b");
  std::ofstream(dir + "/a/b/file") << std::string(100'000, 'x');
  fs::create_hard_link(dir + "/a/b/file", dir + "/again");
  fs::create_symlink("/usr", dir + "/elsewhere");
  const DiskUse full = MeasureTree(dir);
  EXPECT_EQ(full.inodes, 5);
  EXPECT_GE(full.bytes - empty.bytes, 100'000);
  EXPECT_LT(full.bytes - empty.bytes, 200'000);
  EXPECT_EQ(MeasureTree(dir + "/none").inodes, 0);
  fs::remove_all(dir);
}

}  // namespace
}  // namespace berth::agent
