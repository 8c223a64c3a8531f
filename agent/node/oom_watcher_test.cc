// SPDX-License-Identifier: Apache-2.0
#include "agent/node/oom_watcher.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/mutex.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

constexpr std::string_view kGlobal =
    "6,1234,5678,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
    "global_oom,task_memcg=/user.slice,task=tail,pid=4711,uid=0\n SUBSYSTEM=x\n";

TEST(ParseOomRecord, TheNodesOwnIsOne) {
  const auto oom = ParseOomRecord(kGlobal);
  ASSERT_TRUE(oom.has_value());
  EXPECT_EQ(oom->process, "tail");
  EXPECT_EQ(oom->pid, 4711);
}

TEST(ParseOomRecord, NamesMayHoldAnything) {
  const auto oom = ParseOomRecord(
      "6,1,2,-;oom-kill:constraint=CONSTRAINT_NONE,global_oom,task_memcg=/,task=a,pid=1,b,pid=77,"
      "uid=0");
  ASSERT_TRUE(oom.has_value());
  EXPECT_EQ(oom->process, "a,pid=1,b");
  EXPECT_EQ(oom->pid, 77);
}

TEST(ParseOomRecord, AGroupsOwnLimitAndAllElseIsNot) {
  for (std::string_view record :
       {"", "6,1,2,-;", "no semicolon", "6,1,2,-;usb 1-1: new device",
        "6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0,"
        "oom_memcg=/kubepods/pod1,task_memcg=/kubepods/pod1/a,task=tail,pid=12,uid=0",
        "6,1,2,-;oom-kill:constraint=CONSTRAINT_NONE,global_oom,task=tail,pid=x,uid=0",
        "6,1,2,-;oom-kill:constraint=CONSTRAINT_NONE,global_oom,pid=1,task=tail",
        "6,1,2,-;somebody wrote oom-kill:global_oom,task=a,pid=1"}) {
    EXPECT_FALSE(ParseOomRecord(record).has_value()) << record;
  }
}

TEST(OomWatcher, TellsOfRecordsAsTheyCome) {
  char name[] = "/tmp/kmsgXXXXXX";
  const std::string dir = mkdtemp(name);
  const std::string path = dir + "/kmsg";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const kernel::UniqueFd writer(open(path.c_str(), O_RDWR | O_CLOEXEC));
  base::Mutex mu;
  base::CondVar changed;
  std::string seen;
  {
    auto watcher = OomWatcher::Start(path, [&](const SystemOom& oom) {
      base::MutexLock l(mu);
      seen = base::StrCat(oom.process, " ", oom.pid);
      changed.NotifyAll();
    });
    ASSERT_TRUE(watcher.ok()) << watcher.status();
    ASSERT_EQ(write(writer.get(), kGlobal.data(), kGlobal.size()),
              static_cast<ssize_t>(kGlobal.size()));
    base::MutexLock l(mu);
    while (seen.empty()) ASSERT_TRUE(changed.WaitFor(mu, absl::Seconds(30)));
  }
  EXPECT_EQ(seen, "tail 4711");
  EXPECT_TRUE(absl::IsNotFound(OomWatcher::Start(dir + "/none", {}).status()));
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace berth::agent
