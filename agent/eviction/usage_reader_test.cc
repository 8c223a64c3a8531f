// SPDX-License-Identifier: Apache-2.0
#include "agent/eviction/usage_reader.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"
#include "cri/fake_runtime.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

namespace fs = std::filesystem;
using api::core::v1::Pod;

// What a runtime says of the disk and of one container.
class TellingRuntime : public cri::FakeRuntime {
 public:
  using FakeRuntime::FakeRuntime;
  absl::Status ImageFsInfo(const cri::v1::ImageFsInfoRequest&, cri::v1::ImageFsInfoResponse& out,
                           absl::Duration) override {
    ++asked;
    if (!answers) return base::Unavailable("away");
    out.add_image_filesystems()->mutable_fs_id()->set_mountpoint(folder);
    return absl::OkStatus();
  }
  absl::Status ListContainerStats(const cri::v1::ListContainerStatsRequest&,
                                  cri::v1::ListContainerStatsResponse& out,
                                  absl::Duration) override {
    auto& stats = *out.add_stats();
    stats.mutable_attributes()->mutable_metadata()->set_name("app");
    (*stats.mutable_attributes()->mutable_labels())["io.kubernetes.pod.uid"] = "u1";
    stats.mutable_memory()->mutable_working_set_bytes()->set_value(700);
    stats.mutable_writable_layer()->mutable_used_bytes()->set_value(5000);
    stats.mutable_writable_layer()->mutable_inodes_used()->set_value(3);
    return absl::OkStatus();
  }
  bool answers = true;
  int asked = 0;
  std::string folder;
};

class UsageReaderTest : public ::testing::Test {
 protected:
  UsageReaderTest() {
    char name[] = "/tmp/usageXXXXXX";
    dir_ = mkdtemp(name);
    Write("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 400 kB\n");
    Write("proc/loadavg", "0.20 0.18 0.12 1/80 11206\n");
    Write("proc/sys/kernel/pid_max", "1000\n");
    Write("proc/sys/kernel/threads-max", "500\n");
    runtime_.folder = dir_;
    UsageReader::Options options;
    options.root_dir = dir_;
    options.pod_logs_dir = dir_ + "/logs";
    options.system_root = dir_;
    reader_ = std::make_unique<UsageReader>(
        options, runtime_,
        [this](const std::string&) -> absl::StatusOr<cgroups::Usage> {
          if (!groups_) return base::NotFound("none");
          return cgroups::Usage{0, 900, 600, 7};
        },
        [] { return 1000; });
  }
  ~UsageReaderTest() override { fs::remove_all(dir_); }
  void Write(const std::string& name, const std::string& text) {
    fs::create_directories((fs::path(dir_) / name).parent_path());
    std::ofstream(dir_ + "/" + name) << text;
  }

  std::string dir_;
  bool groups_ = true;
  base::FakeClock clock_;
  TellingRuntime runtime_{clock_};
  std::unique_ptr<UsageReader> reader_;
};

TEST_F(UsageReaderTest, SignalsComeFromTheKernel) {
  SignalValues values = reader_->ReadSignals();
  EXPECT_EQ(values[Signal::kMemory].available, 400 * 1024);
  EXPECT_EQ(values[Signal::kMemory].capacity, 1000 * 1024);
  EXPECT_EQ(values[Signal::kAllocatableMemory].available, 400);
  EXPECT_EQ(values[Signal::kPids].available, 420);
  EXPECT_GT(values[Signal::kNodeFs].capacity, 0);
  EXPECT_EQ(values[Signal::kImageFs].capacity, values[Signal::kNodeFs].capacity);
}

TEST_F(UsageReaderTest, ImagesOnTheNodesDiskAreNoDiskOfTheirOwn) {
  EXPECT_FALSE(reader_->Disks().image_fs);
  runtime_.folder = "/proc";
  EXPECT_FALSE(reader_->Disks().image_fs);  // asked once
  EXPECT_EQ(runtime_.asked, 1);
}

TEST_F(UsageReaderTest, ARuntimeThatIsAwayIsAskedAgain) {
  runtime_.answers = false;
  EXPECT_FALSE(reader_->ReadSignals().contains(Signal::kImageFs));
  runtime_.answers = true;
  runtime_.folder = "/proc";
  EXPECT_TRUE(reader_->Disks().image_fs);
}

TEST_F(UsageReaderTest, APodIsWhatItsContainersVolumesAndLogsAre) {
  auto pod = std::make_shared<Pod>();
  pod->mutable_metadata()->set_namespace_("default");
  pod->mutable_metadata()->set_name("web");
  pod->mutable_metadata()->set_uid("u1");
  Write("logs/default_web_u1/app/0.log", std::string(20'000, 'x'));
  Write("pods/u1/volumes/kubernetes.io~empty-dir/data/file", std::string(50'000, 'x'));
  Write("pods/u1/etc-hosts", "127.0.0.1 localhost\n");
  const PodUse use = reader_->Measure({pod})["u1"];
  EXPECT_EQ(use.memory, 600);
  EXPECT_EQ(use.processes, 7);
  ASSERT_EQ(use.containers.size(), 1u);
  EXPECT_EQ(use.containers[0].memory, 700);
  EXPECT_EQ(use.RootFs().bytes, 5000);
  EXPECT_GE(use.containers[0].logs.bytes, 20'000);
  EXPECT_GE(use.volumes.at("data").bytes, 50'000);
  EXPECT_GT(use.other.bytes, 0);
  groups_ = false;
  EXPECT_EQ(reader_->Measure({pod})["u1"].memory, 700);
}

}  // namespace
}  // namespace berth::agent
