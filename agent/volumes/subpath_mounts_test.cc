// SPDX-License-Identifier: Apache-2.0
#include "agent/volumes/subpath_mounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include "base/strings.h"

namespace berth::agent {
namespace {

namespace fs = std::filesystem;

// Remembers what is mounted, by inode; mounts nothing.
class RecordingMounter : public Mounter {
 public:
  absl::Status MountTmpfs(const std::string&, std::optional<int64_t>) override {
    return absl::OkStatus();
  }
  absl::Status Bind(int descriptor, const std::string& path) override {
    struct stat st {};
    EXPECT_EQ(fstat(descriptor, &st), 0);
    EXPECT_TRUE(fs::exists(path));
    EXPECT_EQ(fs::is_directory(path), S_ISDIR(st.st_mode));
    mounted[path] = st.st_ino;
    ++binds;
    return absl::OkStatus();
  }
  absl::StatusOr<bool> IsMounted(const std::string& path) override {
    return mounted.contains(path);
  }
  absl::Status Unmount(const std::string& path) override {
    mounted.erase(path);
    return absl::OkStatus();
  }
  std::map<std::string, ino_t> mounted;
  int binds = 0;
};

class SubpathMountsTest : public ::testing::Test {
 protected:
  SubpathMountsTest() {
    char name[] = "/tmp/subpathsXXXXXX";
    dir_ = mkdtemp(name);
    fs::create_directories(dir_ + "/volume/data");
    fs::create_directories(dir_ + "/secret");
    std::ofstream(dir_ + "/volume/file") << "content";
    pod_ = dir_ + "/pod";
    volume_ = dir_ + "/volume";
    fs::create_directories(pod_);
  }
  ~SubpathMountsTest() override { fs::remove_all(dir_); }
  absl::StatusOr<std::string> Make(const std::string& subpath, Mounter& mounter, int index = 0) {
    return MakeSubpathMount(pod_, {"uid", "vol", "app", index, volume_, subpath}, mounter);
  }
  static ino_t Inode(const std::string& path) {
    struct stat st {};
    return stat(path.c_str(), &st) == 0 ? st.st_ino : 0;
  }

  std::string dir_, pod_, volume_;
};

TEST_F(SubpathMountsTest, DirectoriesAndFilesAreBoundAtTheirPlaces) {
  RecordingMounter mounter;
  const auto data = Make("data", mounter);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(*data, pod_ + "/volume-subpaths/vol/app/0");
  EXPECT_EQ(mounter.mounted[*data], Inode(dir_ + "/volume/data"));
  const auto file = Make("file", mounter, 1);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(mounter.mounted[*file], Inode(dir_ + "/volume/file"));
  ASSERT_TRUE(RemoveSubpathMounts(pod_, mounter).ok());
  EXPECT_TRUE(mounter.mounted.empty());
  EXPECT_FALSE(fs::exists(pod_ + "/volume-subpaths"));
  EXPECT_TRUE(RemoveSubpathMounts(pod_, mounter).ok());
}

TEST_F(SubpathMountsTest, NothingLeadsOutOfTheVolume) {
  RecordingMounter mounter;
  fs::create_symlink("../secret", dir_ + "/volume/out");
  EXPECT_FALSE(Make("out", mounter).ok());
  EXPECT_FALSE(Make("../secret", mounter).ok());
  EXPECT_EQ(mounter.binds, 0);
}

// The kernel's own view, in a mount namespace that goes with the thread.
TEST_F(SubpathMountsTest, WhatIsMountedStaysThatWhateverBecomesOfItsName) {
  bool allowed = false;
  std::thread([&] {
    if (unshare(CLONE_NEWNS) != 0) return;
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
    allowed = true;
    SystemMounter mounter;
    std::ofstream(dir_ + "/volume/data/mine") << "x";
    const auto path = Make("data", mounter);
    ASSERT_TRUE(path.ok()) << path.status();
    EXPECT_TRUE(fs::exists(*path + "/mine"));
    // What a container would do: another place under the same name.
    fs::rename(dir_ + "/volume/data", dir_ + "/volume/away");
    fs::create_symlink(dir_ + "/secret", dir_ + "/volume/data");
    EXPECT_TRUE(fs::exists(*path + "/mine"));
    EXPECT_FALSE(Make("data", mounter).ok());
    // The next instance finds a directory again, another one.
    fs::remove(dir_ + "/volume/data");
    fs::create_directories(dir_ + "/volume/data");
    const auto again = Make("data", mounter);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_FALSE(fs::exists(*again + "/mine"));
    EXPECT_TRUE(RemoveSubpathMounts(pod_, mounter).ok());
    EXPECT_TRUE(fs::exists(dir_ + "/volume/away/mine"));
  }).join();
  if (!allowed) GTEST_SKIP() << "mount namespaces are not for this user";
}

}  // namespace
}  // namespace berth::agent
