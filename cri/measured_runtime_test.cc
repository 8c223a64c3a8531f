// SPDX-License-Identifier: Apache-2.0
#include "cri/measured_runtime.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "cri/fake_runtime.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::cri {
namespace {

TEST(MeasuredRuntime, PassesCallsOnAndNamesThemAsKubeletsDo) {
  base::FakeClock clock;
  FakeRuntime inner(clock);
  std::vector<std::string> seen;
  MeasuredRuntime runtime(
      inner, [&](std::string_view operation, absl::Duration took, const absl::Status& status) {
        EXPECT_GE(took, absl::ZeroDuration());
        seen.push_back(std::string(operation) + (status.ok() ? " ok" : " failed"));
      });
  v1::VersionResponse version;
  EXPECT_TRUE(runtime.Version({}, version, absl::Seconds(1)).ok());
  EXPECT_FALSE(version.runtime_name().empty());
  v1::StartContainerResponse started;
  EXPECT_FALSE(runtime.StartContainer({}, started, absl::Seconds(1)).ok());
  EXPECT_EQ(seen, (std::vector<std::string>{"version ok", "start_container failed"}));
}

TEST(OperationName, SplitsWordsAsKubeletsDo) {
  EXPECT_EQ(OperationName("RunPodSandbox"), "run_podsandbox");
  EXPECT_EQ(OperationName("PodSandboxStatus"), "podsandbox_status");
  EXPECT_EQ(OperationName("ExecSync"), "exec_sync");
  EXPECT_EQ(OperationName("PortForward"), "port_forward");
  EXPECT_EQ(OperationName("UpdateContainerResources"), "update_container");
  EXPECT_EQ(OperationName("ImageFsInfo"), "image_fs_info");
  EXPECT_EQ(OperationName("ReopenContainerLog"), "reopen_container_log");
}

}  // namespace
}  // namespace berth::cri
