// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/log_rotation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/status.h"
#include "base/strings.h"
#include "cri/fake_runtime.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A runtime that begins a new file where it is asked to, and a log that a test writes to.
class LogRotationTest : public ::testing::Test {
 protected:
  LogRotationTest() {
    char name[] = "/tmp/rotationXXXXXX";
    dir_ = mkdtemp(name);
    log_ = dir_ + "/0.log";
    std::ofstream(log_).flush();
    options_.max_size = 100;
    options_.max_files = 3;
    runtime_.SetHook("ReopenContainerLog", [this](const google::protobuf::Message&) {
      if (!refuse_.ok()) return refuse_;
      std::ofstream(log_, std::ios::app).flush();
      return absl::OkStatus();
    });
    ObservedContainer container;
    container.id = "c";
    container.name = "app";
    container.phase = ContainerPhase::kRunning;
    container.log_path = log_;
    seen_.uid = "u";
    seen_.containers = {container};
    Restart(nullptr);
  }
  ~LogRotationTest() override {
    rotation_.reset();
    fs::remove_all(dir_);
  }
  void Restart(kernel::Inotify* inotify) {
    rotation_ = std::make_unique<LogRotation>(options_, runtime_, inotify, executor_, clock_);
  }
  void Observe() {
    rotation_->Observed(seen_);
    executor_.RunAll();
  }
  void Advance(absl::Duration by) {
    clock_.Advance(by);
    executor_.RunAll();
  }
  void Write(size_t bytes, char with = 'x') {
    std::ofstream(log_, std::ios::app) << std::string(bytes, with);
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_)) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  static std::string Unzipped(const std::string& path) {
    gzFile file = gzopen(path.c_str(), "rb");
    char buffer[4096];
    const int got = gzread(file, buffer, sizeof buffer);
    gzclose(file);
    return {buffer, static_cast<size_t>(std::max(0, got))};
  }

  std::string dir_, log_;
  absl::Status refuse_;
  base::FakeClock clock_;
  base::ManualExecutor executor_;
  cri::FakeRuntime runtime_{clock_};
  LogRotation::Options options_;
  PodObservation seen_;
  std::unique_ptr<LogRotation> rotation_;
};

TEST_F(LogRotationTest, AFullLogIsRenamedAndANewOneBegun) {
  Observe();
  Write(99);
  Advance(absl::Seconds(10));
  EXPECT_THAT(Names(), ElementsAre("0.log"));
  Write(1);
  Advance(absl::Seconds(10));
  EXPECT_THAT(Names(), ElementsAre("0.log", "0.log.20231114-221340"));
  EXPECT_EQ(fs::file_size(log_), 0u);
  EXPECT_THAT(runtime_.Calls(), ElementsAre("ReopenContainerLog"));
}

TEST_F(LogRotationTest, OlderOnesAreCompressedAndTheOldestGo) {
  Observe();
  for (const char with : {'a', 'b', 'c', 'd'}) {
    Write(100, with);
    Advance(absl::Seconds(10));
  }
  EXPECT_THAT(Names(), ElementsAre("0.log", "0.log.20231114-221350.gz", "0.log.20231114-221400"));
  EXPECT_EQ(Unzipped(dir_ + "/0.log.20231114-221350.gz"), std::string(100, 'c'));
}

TEST_F(LogRotationTest, ALogThatTheRuntimeDoesNotReopenGetsItsNameBack) {
  Observe();
  Write(100);
  refuse_ = base::Unavailable("later");
  Advance(absl::Seconds(10));
  EXPECT_THAT(Names(), ElementsAre("0.log"));
  EXPECT_EQ(fs::file_size(log_), 100u);
  refuse_ = absl::OkStatus();
  Advance(absl::Seconds(10));
  EXPECT_EQ(Names().size(), 2u);
}

TEST_F(LogRotationTest, WhatHasEndedIsLeftAlone) {
  Observe();
  seen_.containers[0].phase = ContainerPhase::kExited;
  Observe();
  Write(1000);
  Advance(absl::Minutes(5));
  EXPECT_THAT(Names(), ElementsAre("0.log"));
  EXPECT_THAT(runtime_.Calls(), IsEmpty());
}

TEST_F(LogRotationTest, LeftoversOfACrashGoWhenTheDaemonComesBack) {
  for (const char* name : {"0.log.20230101-000001.tmp", "0.log.20230101-000001",
                           "0.log.20230101-000002", "0.log.20230101-000003"}) {
    std::ofstream(dir_ + "/" + name) << "x";
  }
  Observe();
  EXPECT_THAT(Names(), ElementsAre("0.log", "0.log.20230101-000002.gz", "0.log.20230101-000003"));
}

TEST_F(LogRotationTest, AWriteIsNoticedWithoutPolling) {
  auto inotify = kernel::Inotify::Make();
  ASSERT_TRUE(inotify.ok()) << inotify.status();
  options_.monitor_interval = absl::Hours(1);
  Restart(inotify->get());
  base::ThreadPool pool("inotify", 1);
  pool.Post([&] { (*inotify)->Run(); });
  Observe();
  const size_t idle = clock_.pending_timers();
  Write(100);
  while (clock_.pending_timers() == idle) std::this_thread::yield();
  Advance(absl::Seconds(1));
  EXPECT_EQ(Names().size(), 2u);
  // And again, of the new file.
  Write(100);
  while (clock_.pending_timers() == idle) std::this_thread::yield();
  Advance(absl::Seconds(1));
  EXPECT_EQ(Names().size(), 3u);
  rotation_->Stop();
  (*inotify)->Stop();
}

}  // namespace
}  // namespace berth::agent
