// SPDX-License-Identifier: Apache-2.0
// How often the runtime is asked about a pod, and that what it did by itself is still seen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "agent/pods/worker_fixture.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PodReadsTest : public WorkerTest {
 protected:
  PodReadsTest() {
    for (const char* method :
         {"ListPodSandbox", "ListContainers", "PodSandboxStatus", "ContainerStatus", "Status",
          "ImageStatus", "RunPodSandbox", "CreateContainer", "StartContainer"}) {
      runtime_.SetHook(method, [this, method](const google::protobuf::Message& request) {
        const auto* list = dynamic_cast<const cri::v1::ListPodSandboxRequest*>(&request);
        const auto* containers = dynamic_cast<const cri::v1::ListContainersRequest*>(&request);
        const bool relist = (list != nullptr && !list->has_filter()) ||
                            (containers != nullptr && !containers->has_filter());
        if (!relist) calls_.emplace_back(method);
        return before_answer_ ? before_answer_(method) : absl::OkStatus();
      });
    }
    Settle();  // the first relist: the runtime is known to be empty
  }
  std::vector<std::string> Calls() { return std::exchange(calls_, {}); }

  std::vector<std::string> calls_;
  std::function<absl::Status(std::string_view method)> before_answer_;
};

TEST_F(PodReadsTest, ANewPodIsMadeWithOneReadOfEachPart) {
  Run(MakePod());
  EXPECT_THAT(Calls(), ElementsAre("Status", "RunPodSandbox", "PodSandboxStatus", "CreateContainer",
                                   "StartContainer", "ContainerStatus"));
  EXPECT_EQ(StatusOf().phase(), "Running");
  Advance(absl::Seconds(30));  // nothing happened: the runtime's own events say what is known
  EXPECT_THAT(Calls(), IsEmpty());
}

TEST_F(PodReadsTest, AnExitIsReadAtOnceAndTheRestartReadsItsOwnContainerOnly) {
  Run(MakePod());
  Calls();
  runtime_.Exit(runtime_.FindContainer("app"), 1);
  Settle();
  EXPECT_THAT(Calls(),
              ElementsAre("ListPodSandbox", "ListContainers", "PodSandboxStatus", "ContainerStatus",
                          "CreateContainer", "StartContainer", "ContainerStatus"));
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 1);
}

TEST_F(PodReadsTest, AnExitThatNoEventToldOfIsFoundByTheRelist) {
  Run(MakePod());
  events_->Stop();
  runtime_.Exit(runtime_.FindContainer("app"), 1);
  Settle();
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 0);
  Advance(absl::Seconds(61));
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 1);
}

TEST_F(PodReadsTest, AStartWhoseAnswerIsLostMakesNoSecondContainer) {
  int starts = 0;
  before_answer_ = [&](std::string_view method) {
    if (method != "CreateContainer" || starts++ > 0) return absl::OkStatus();
    return absl::DeadlineExceededError("the runtime is slow");
  };
  Run(MakePod());
  EXPECT_THAT(Calls(),
              ElementsAre("Status", "RunPodSandbox", "PodSandboxStatus", "CreateContainer"));
  Advance(absl::Seconds(11));
  EXPECT_THAT(Calls(), ElementsAre("ListPodSandbox", "ListContainers", "PodSandboxStatus",
                                   "CreateContainer", "StartContainer", "ContainerStatus"));
}

TEST_F(PodReadsTest, AfterARestartOfTheDaemonThePodIsRead) {
  Run(MakePod());
  Restart();
  Calls();
  auto pod = MakePod();  // its first status never reached the API
  Run(pod);
  EXPECT_EQ(Calls().at(0), "ListPodSandbox");
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 0);
}

TEST_F(PodReadsTest, APartThatCannotBeReadIsReadWithTheWholePod) {
  runtime_.FailNext("ContainerStatus", absl::UnavailableError("busy"));
  Run(MakePod());
  EXPECT_EQ(StatusOf().phase(), "Running");
  EXPECT_EQ(runtime_.FindContainer("app").empty(), false);
}

// Made by a daemon that died before it heard of the start.
class HalfStartedTest : public PodReadsTest {
 protected:
  HalfStartedTest() {
    before_answer_ = [this](std::string_view method) {
      dead_ = dead_ || method == "StartContainer";
      return dead_ ? absl::UnavailableError("killed") : absl::OkStatus();
    };
    Run(MakePod());
    container_ = runtime_.FindContainer("app");
    Stop();
    before_answer_ = nullptr;
    Restart();
    Calls();
  }
  int Containers() {
    cri::v1::ListContainersResponse list;
    EXPECT_TRUE(runtime_.ListContainers({}, list, absl::Seconds(1)).ok());
    return list.containers_size();
  }
  bool dead_ = false;
  std::string container_;
};

TEST_F(HalfStartedTest, IsRemovedBeforeAnotherIsMadeAndIsNoRestart) {
  ASSERT_NE(container_, "");
  Run(MakePod());
  EXPECT_EQ(Containers(), 1);
  EXPECT_NE(runtime_.FindContainer("app"), container_);
  EXPECT_EQ(StatusOf().phase(), "Running");
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 0);
}

TEST_F(HalfStartedTest, IsAdoptedWhenItsStartGoesOnAfterAll) {
  runtime_.FailNext("RemoveContainer", absl::UnknownError("container is in starting state"), 1);
  Run(MakePod());
  EXPECT_EQ(Containers(), 1);
  cri::v1::StartContainerRequest start;
  start.set_container_id(container_);
  cri::v1::StartContainerResponse started;
  ASSERT_TRUE(runtime_.StartContainer(start, started, absl::Seconds(1)).ok());
  Advance(absl::Seconds(1));
  EXPECT_EQ(runtime_.FindContainer("app"), container_);
  EXPECT_EQ(Containers(), 1);
  EXPECT_EQ(StatusOf().phase(), "Running");
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 0);
}

}  // namespace
}  // namespace berth::agent
