// SPDX-License-Identifier: Apache-2.0
#include "cri/paced_runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "cri/fake_runtime.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::cri {
namespace {

using ::testing::ElementsAre;

// Calls to the inner runtime stand still until they are let go.
class PacedRuntimeTest : public ::testing::Test {
 protected:
  PacedRuntimeTest() {
    for (const char* method : {"RunPodSandbox", "CreateContainer", "StartContainer"}) {
      inner_.SetHook(method, [this, method](const google::protobuf::Message&) {
        base::MutexLock l(mu_);
        begun_.emplace_back(method);
        changed_.NotifyAll();
        while (free_ == 0) changed_.Wait(mu_);
        --free_;
        return absl::UnavailableError("enough seen");
      });
    }
  }
  void Make(PacedRuntime::Options options) {
    options.waited = [this](absl::Duration) { ++waited_; };
    runtime_ = std::make_unique<PacedRuntime>(inner_, options);
  }
  void Run() {
    Post([this] { Call<v1::RunPodSandboxResponse>(&Runtime::RunPodSandbox); });
  }
  void Create() {
    Post([this] { Call<v1::CreateContainerResponse>(&Runtime::CreateContainer); });
  }
  void Start() {
    Post([this] { Call<v1::StartContainerResponse>(&Runtime::StartContainer); });
  }
  void WaitForCalls(size_t count) {
    base::MutexLock l(mu_);
    while (begun_.size() < count) changed_.Wait(mu_);
  }
  void LetGo(int calls) {
    base::MutexLock l(mu_);
    free_ += calls;
    changed_.NotifyAll();
  }
  std::vector<std::string> Begun() {
    base::MutexLock l(mu_);
    return begun_;
  }
  void WaitForEnds(size_t count) {
    base::MutexLock l(mu_);
    while (ends_.size() < count) changed_.Wait(mu_);
  }

  base::FakeClock clock_;
  FakeRuntime inner_{clock_};
  std::unique_ptr<PacedRuntime> runtime_;
  base::Mutex mu_;
  base::CondVar changed_;
  std::vector<std::string> begun_;
  std::vector<absl::Status> ends_;
  int free_ = 0;
  std::atomic<int> waited_ = 0;
  base::ThreadPool pool_{"paced-test", 16};

 private:
  void Post(base::Executor::Task task) { pool_.Post(std::move(task)); }
  template <class Response, class Request>
  void Call(absl::Status (Runtime::*method)(const Request&, Response&, absl::Duration)) {
    Response response;
    absl::Status status = (runtime_.get()->*method)(Request(), response, absl::Minutes(1));
    base::MutexLock l(mu_);
    ends_.push_back(std::move(status));
    changed_.NotifyAll();
  }
};

TEST_F(PacedRuntimeTest, OnlySoManyAreMadeAtOnceAndReadsPass) {
  Make({.at_once = 2, .patience = absl::InfiniteDuration()});
  for (int i = 0; i < 5; ++i) Run();
  WaitForCalls(2);
  v1::VersionResponse version;
  EXPECT_TRUE(runtime_->Version({}, version, absl::Seconds(1)).ok());
  EXPECT_EQ(Begun().size(), 2u);
  LetGo(1);
  WaitForCalls(3);
  LetGo(4);
  WaitForEnds(5);
  EXPECT_EQ(waited_, 5);
}

TEST_F(PacedRuntimeTest, WhatIsFurtherAlongGoesFirst) {
  Make({.at_once = 1, .patience = absl::InfiniteDuration()});
  Run();
  WaitForCalls(1);
  // Whoever has not asked when the place is free cannot be first: one after the other.
  const auto ask = [&](int waiting, auto call) {
    call();
    while (runtime_->waiting() < waiting) std::this_thread::yield();
  };
  ask(1, [&] { Run(); });
  ask(2, [&] { Create(); });
  ask(3, [&] { Start(); });
  LetGo(4);
  WaitForEnds(4);
  EXPECT_THAT(Begun(),
              ElementsAre("RunPodSandbox", "StartContainer", "CreateContainer", "RunPodSandbox"));
}

TEST_F(PacedRuntimeTest, IdleProcessorsLetMoreThrough) {
  std::atomic<bool> idle = false;
  Make({.at_once = 1,
        .look = absl::Milliseconds(1),
        .patience = absl::InfiniteDuration(),
        .idle = [&] { return idle.load(); }});
  for (int i = 0; i < 5; ++i) Run();
  WaitForCalls(1);
  EXPECT_EQ(Begun().size(), 1u);
  idle = true;
  WaitForCalls(5);
  LetGo(5);
  WaitForEnds(5);
}

TEST_F(PacedRuntimeTest, CallsThatNeverComeBackHoldUpNobody) {
  Make({.at_once = 1, .look = absl::Milliseconds(1), .patience = absl::Milliseconds(5)});
  for (int i = 0; i < 3; ++i) Run();
  WaitForCalls(3);
  LetGo(3);
  WaitForEnds(3);
}

TEST_F(PacedRuntimeTest, StopEndsTheWait) {
  Make({.at_once = 1, .patience = absl::InfiniteDuration()});
  for (int i = 0; i < 3; ++i) Run();
  WaitForCalls(1);
  runtime_->Stop();
  WaitForEnds(2);
  EXPECT_EQ(ends_[0].code(), absl::StatusCode::kCancelled);
  LetGo(1);
  WaitForEnds(3);
  EXPECT_EQ(Begun().size(), 1u);
}

}  // namespace
}  // namespace berth::cri
