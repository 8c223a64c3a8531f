// SPDX-License-Identifier: Apache-2.0
#include "agent/sync/subpath.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

namespace berth::agent {
namespace {

namespace fs = std::filesystem;

class SubpathTest : public ::testing::Test {
 protected:
  SubpathTest() {
    char name[] = "/tmp/subpathXXXXXX";
    dir_ = mkdtemp(name);
    fs::create_directories(dir_ + "/volume");
    fs::create_directories(dir_ + "/secret");
  }
  ~SubpathTest() override { fs::remove_all(dir_); }
  std::string dir_;
};

TEST_F(SubpathTest, MakesWhatIsMissing) {
  const auto path = ResolveSubpath(dir_ + "/volume", "a/b");
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(*path, dir_ + "/volume/a/b");
  EXPECT_TRUE(fs::is_directory(*path));
}

TEST_F(SubpathTest, SymlinksInsideTheVolumeAreFollowed) {
  fs::create_directories(dir_ + "/volume/real");
  fs::create_symlink("real", dir_ + "/volume/link");
  const auto path = ResolveSubpath(dir_ + "/volume", "link");
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(*path, dir_ + "/volume/real");
}

TEST_F(SubpathTest, NothingLeadsOutOfTheVolume) {
  fs::create_symlink("../secret", dir_ + "/volume/relative");
  fs::create_symlink(dir_ + "/secret", dir_ + "/volume/absolute");
  EXPECT_FALSE(ResolveSubpath(dir_ + "/volume", "relative").ok());
  EXPECT_FALSE(ResolveSubpath(dir_ + "/volume", "absolute").ok());
  EXPECT_FALSE(ResolveSubpath(dir_ + "/volume", "../secret").ok());
  EXPECT_FALSE(ResolveSubpath(dir_ + "/volume", "/etc").ok());
  EXPECT_FALSE(ResolveSubpath(dir_ + "/volume", "relative/new").ok());
  EXPECT_FALSE(fs::exists(dir_ + "/secret/new"));
}

TEST(ExpandSubpath, VariablesMustExist) {
  EXPECT_EQ(*ExpandSubpath("logs/$(POD)/$$(X)", {{"POD", "web"}}), "logs/web/$(X)");
  EXPECT_FALSE(ExpandSubpath("$(NOPE)", {}).ok());
}

}  // namespace
}  // namespace berth::agent
