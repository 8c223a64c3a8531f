// SPDX-License-Identifier: Apache-2.0
#include "cri/fake_runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/statusor.h"

#include "cri/proto/runtime_v1.pb.h"

namespace berth::cri {
namespace {

class FakeRuntimeTest : public ::testing::Test {
 protected:
  std::string RunSandbox(std::string_view uid, uint32_t attempt = 0) {
    v1::RunPodSandboxRequest request;
    auto* metadata = request.mutable_config()->mutable_metadata();
    metadata->set_uid(std::string(uid));
    metadata->set_attempt(attempt);
    v1::RunPodSandboxResponse response;
    EXPECT_TRUE(runtime_.RunPodSandbox(request, response, kCallTimeout).ok());
    return response.pod_sandbox_id();
  }
  absl::StatusOr<std::string> Create(const std::string& sandbox, const std::string& name) {
    v1::CreateContainerRequest request;
    request.set_pod_sandbox_id(sandbox);
    request.mutable_config()->mutable_metadata()->set_name(name);
    v1::CreateContainerResponse response;
    const absl::Status status = runtime_.CreateContainer(request, response, kCallTimeout);
    if (!status.ok()) return status;
    return response.container_id();
  }
  absl::Status Start(const std::string& id) {
    v1::StartContainerRequest request;
    request.set_container_id(id);
    v1::StartContainerResponse response;
    return runtime_.StartContainer(request, response, kCallTimeout);
  }

  base::FakeClock clock_;
  FakeRuntime runtime_{clock_};
};

TEST_F(FakeRuntimeTest, ContainersLiveInAReadySandboxOnly) {
  const std::string sandbox = RunSandbox("u1");
  const auto id = Create(sandbox, "app");
  ASSERT_TRUE(id.ok());
  EXPECT_TRUE(Start(*id).ok());
  EXPECT_EQ(runtime_.running(), 1u);
  runtime_.KillSandbox(sandbox);
  EXPECT_EQ(runtime_.running(), 0u);
  EXPECT_TRUE(absl::IsNotFound(Create(sandbox, "other").status()));
}

TEST_F(FakeRuntimeTest, NamesAreReservedUntilRemoved) {
  const std::string sandbox = RunSandbox("u1");
  ASSERT_TRUE(Create(sandbox, "app").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Create(sandbox, "app").status()));
}

TEST_F(FakeRuntimeTest, StopOfWhatIsGoneSucceeds) {
  v1::StopContainerRequest request;
  request.set_container_id("nope");
  v1::StopContainerResponse response;
  EXPECT_TRUE(runtime_.StopContainer(request, response, kCallTimeout).ok());
}

TEST_F(FakeRuntimeTest, InjectedFailuresLastAsLongAsAsked) {
  runtime_.FailNext("StartContainer", absl::UnknownError("boom"), 1);
  const auto id = Create(RunSandbox("u1"), "app");
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(Start(*id).message(), "boom");
  EXPECT_TRUE(Start(*id).ok());
}

TEST_F(FakeRuntimeTest, EventsTellOfExits) {
  std::vector<EventKind> seen;
  auto source = runtime_.MakeEventSource();
  source->Start([&](const Event& event) { seen.push_back(event.kind); });
  const auto id = Create(RunSandbox("u1"), "app");
  ASSERT_TRUE(id.ok());
  ASSERT_TRUE(Start(*id).ok());
  runtime_.Exit(*id, 1);
  EXPECT_THAT(
      seen, ::testing::ElementsAre(EventKind::kConnected, EventKind::kStarted, EventKind::kCreated,
                                   EventKind::kStarted, EventKind::kStopped));
}

}  // namespace
}  // namespace berth::cri
