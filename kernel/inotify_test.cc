// SPDX-License-Identifier: Apache-2.0
#include "kernel/inotify.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/executor.h"

namespace berth::kernel {
namespace {

class InotifyTest : public ::testing::Test {
 protected:
  InotifyTest() {
    char name[] = "/tmp/inotifyXXXXXX";
    dir_ = mkdtemp(name);
    auto made = Inotify::Make();
    EXPECT_TRUE(made.ok()) << made.status();
    inotify_ = *std::move(made);
    pool_.Post([this] { inotify_->Run(); });
  }
  ~InotifyTest() override {
    inotify_->Stop();
    std::filesystem::remove_all(dir_);
  }
  Inotify::Callback Counter() {
    return [this] {
      base::MutexLock lock(mu_);
      ++calls_;
      changed_.NotifyAll();
    };
  }
  bool CallsReach(int count) {
    base::MutexLock lock(mu_);
    while (calls_ < count) {
      if (!changed_.WaitFor(mu_, absl::Seconds(30))) return false;
    }
    return true;
  }

  std::string dir_;
  base::Mutex mu_;
  base::CondVar changed_;
  int calls_ BERTH_GUARDED_BY(mu_) = 0;
  std::unique_ptr<Inotify> inotify_;
  base::ThreadPool pool_{"inotify", 1};  // last: it waits for Run
};

TEST_F(InotifyTest, TellsOfFilesThatComeChangeAndGo) {
  ASSERT_TRUE(inotify_->Watch(dir_, Counter()).ok());
  std::ofstream(dir_ + "/a") << "1";
  EXPECT_TRUE(CallsReach(2));  // made; written
  std::filesystem::rename(dir_ + "/a", dir_ + "/b");
  EXPECT_TRUE(CallsReach(4));
  std::filesystem::remove(dir_ + "/b");
  EXPECT_TRUE(CallsReach(5));
}

TEST_F(InotifyTest, AWatchEndsWithItsFolder) {
  std::filesystem::create_directory(dir_ + "/sub");
  const auto id = inotify_->Watch(dir_ + "/sub", Counter());
  ASSERT_TRUE(id.ok());
  EXPECT_TRUE(inotify_->Watching(*id));
  std::filesystem::remove(dir_ + "/sub");
  EXPECT_TRUE(CallsReach(2));  // removed; the watch's end
  EXPECT_FALSE(inotify_->Watching(*id));
  EXPECT_TRUE(absl::IsNotFound(inotify_->Watch(dir_ + "/sub", Counter()).status()));
}

TEST_F(InotifyTest, TwoMayWatchOneFolder) {
  const auto id = inotify_->Watch(dir_, Counter());
  ASSERT_TRUE(inotify_->Watch(dir_, Counter()).ok());
  inotify_->Unwatch(*id);
  std::filesystem::create_directory(dir_ + "/x");
  EXPECT_TRUE(CallsReach(1));
}

TEST_F(InotifyTest, TellsOnceOfAFileThatIsWrittenTo) {
  std::ofstream file(dir_ + "/log");
  const auto id = inotify_->WatchOnce(dir_ + "/log", Counter());
  ASSERT_TRUE(id.ok()) << id.status();
  file << "1" << std::flush;
  ASSERT_TRUE(CallsReach(1));
  while (inotify_->Watching(*id)) std::this_thread::yield();
  const auto again = inotify_->WatchOnce(dir_ + "/log", Counter());
  ASSERT_TRUE(again.ok()) << again.status();
  file << "2" << std::flush;
  EXPECT_TRUE(CallsReach(2));
}

}  // namespace
}  // namespace berth::kernel
