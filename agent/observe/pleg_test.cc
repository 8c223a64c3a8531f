// SPDX-License-Identifier: Apache-2.0
#include "agent/observe/pleg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "agent/observe/termination_message.h"
#include "agent/sync/names.h"
#include "base/status.h"
#include "base/strings.h"
#include "cri/fake_runtime.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;

class PlegTest : public ::testing::Test {
 protected:
  std::string RunSandbox(const std::string& uid) {
    cri::v1::RunPodSandboxRequest request;
    auto& config = *request.mutable_config();
    config.mutable_metadata()->set_uid(uid);
    (*config.mutable_labels())[kLabelPodUid] = uid;
    cri::v1::RunPodSandboxResponse response;
    EXPECT_TRUE(runtime_.RunPodSandbox(request, response, cri::kCallTimeout).ok());
    return response.pod_sandbox_id();
  }
  std::unique_ptr<Pleg> Make(cri::EventSource* events) {
    auto pleg = std::make_unique<Pleg>(
        runtime_, events, executor_, clock_,
        Pleg::Hooks{[this](const std::string& uid) { poked_.push_back(uid); },
                    [this](const auto& pods) { relists_.push_back(pods.size()); }});
    pleg->Start();
    executor_.RunAll();
    return pleg;
  }
  void Advance(absl::Duration by) {
    clock_.Advance(by);
    executor_.RunAll();
  }

  base::FakeClock clock_;
  base::ManualExecutor executor_;
  cri::FakeRuntime runtime_{clock_};
  std::vector<std::string> poked_;
  std::vector<size_t> relists_;
};

TEST_F(PlegTest, WithoutEventsEachSecondTellsWhatChanged) {
  auto pleg = Make(nullptr);
  const std::string sandbox = RunSandbox("u1");
  EXPECT_THAT(poked_, IsEmpty());
  Advance(absl::Seconds(1));
  EXPECT_THAT(poked_, Contains("u1"));
  poked_.clear();
  Advance(absl::Seconds(1));
  EXPECT_THAT(poked_, IsEmpty());
  runtime_.KillSandbox(sandbox);
  Advance(absl::Seconds(1));
  EXPECT_THAT(poked_, Contains("u1"));
}

TEST_F(PlegTest, EventsPokeAtOnceAndRelistsAreRare) {
  const std::string sandbox = RunSandbox("u1");
  auto events = runtime_.MakeEventSource();
  auto pleg = Make(events.get());
  poked_.clear();
  const size_t relists = relists_.size();
  runtime_.KillSandbox(sandbox);
  EXPECT_THAT(poked_, Contains("u1"));
  for (int i = 0; i < 50; ++i) Advance(absl::Seconds(1));
  EXPECT_EQ(relists_.size(), relists);
  Advance(absl::Seconds(10));
  EXPECT_EQ(relists_.size(), relists + 1);
}

TEST_F(PlegTest, AnExitIsLookedAtAgainUntilTheRuntimeHasSettled) {
  const std::string sandbox = RunSandbox("u1");
  auto events = runtime_.MakeEventSource();
  auto pleg = Make(events.get());
  runtime_.KillSandbox(sandbox);
  poked_.clear();
  Advance(absl::Milliseconds(10));
  EXPECT_EQ(poked_.size(), 1u);
  Advance(absl::Seconds(3));
  EXPECT_EQ(poked_.size(), 4u);
}

TEST_F(PlegTest, AnEventOfAnUnknownIdRelists) {
  auto events = runtime_.MakeEventSource();
  auto pleg = Make(events.get());
  RunSandbox("u2");
  Advance(absl::Milliseconds(100));
  EXPECT_THAT(poked_, Contains("u2"));
}

PodObservation Pod(const std::string& uid, const std::string& sandbox, bool ready = true) {
  PodObservation seen;
  seen.uid = uid;
  seen.sandboxes.push_back({.id = sandbox, .ready = ready});
  return seen;
}

TEST_F(PlegTest, WhatAWorkerToldIsNoNews) {
  auto events = runtime_.MakeEventSource();
  auto pleg = Make(events.get());
  EXPECT_FALSE(pleg->MayHave("u1"));
  const std::string sandbox = RunSandbox("u1");
  const size_t relists = relists_.size();
  pleg->Observed(Pod("u1", sandbox));
  EXPECT_TRUE(pleg->MayHave("u1"));
  Advance(absl::Seconds(30));
  EXPECT_EQ(relists_.size(), relists);  // the id of its event was told before anyone looked
  Advance(absl::Minutes(2));
  EXPECT_THAT(poked_, IsEmpty());
  runtime_.KillSandbox(sandbox);
  EXPECT_THAT(poked_, Contains("u1"));
  poked_.clear();
  pleg->Observed(Pod("u1", sandbox, /*ready=*/false));
  Advance(absl::Minutes(2));
  EXPECT_THAT(poked_, IsEmpty());
}

TEST_F(PlegTest, WhatAWorkerGotWrongIsNewsAtTheNextRelist) {
  auto events = runtime_.MakeEventSource();
  auto pleg = Make(events.get());
  const std::string sandbox = RunSandbox("u1");
  pleg->Observed(Pod("u1", sandbox, /*ready=*/false));
  Advance(absl::Minutes(2));
  EXPECT_THAT(poked_, Contains("u1"));
}

TEST_F(PlegTest, NobodyKnowsWhatTheRuntimeHasBeforeTheFirstList) {
  runtime_.FailNext("ListPodSandbox", base::Unavailable("gone"));
  auto pleg = Make(nullptr);
  EXPECT_TRUE(pleg->MayHave("u1"));
  Advance(absl::Seconds(1));
  EXPECT_FALSE(pleg->MayHave("u1"));
}

TEST_F(PlegTest, ManyUnknownIdsRelistOnceASecond) {
  auto events = runtime_.MakeEventSource();
  auto pleg = Make(events.get());
  const size_t relists = relists_.size();
  for (int i = 0; i < 30; ++i) {
    RunSandbox(base::StrCat("u", i));
    Advance(absl::Milliseconds(100));
  }
  EXPECT_LE(relists_.size() - relists, 4u);
}

TEST_F(PlegTest, IsUnhealthyWhenTheRuntimeIsAwayForThreeMinutes) {
  auto pleg = Make(nullptr);
  EXPECT_TRUE(pleg->Health().ok());
  runtime_.FailNext("ListPodSandbox", base::Unavailable("gone"), 1000);
  for (int i = 0; i < 181; ++i) Advance(absl::Seconds(1));
  EXPECT_THAT(std::string(pleg->Health().message()), ::testing::HasSubstr("PLEG is not healthy"));
}

class TerminationMessageTest : public ::testing::Test {
 protected:
  TerminationMessageTest() {
    char name[] = "/tmp/lastwordsXXXXXX";
    dir_ = mkdtemp(name);
  }
  ~TerminationMessageTest() override { std::filesystem::remove_all(dir_); }
  void Put(const std::string& name, const std::string& text) {
    std::ofstream(dir_ + "/" + name) << text;
  }
  std::string dir_;
};

TEST_F(TerminationMessageTest, IsTheFilesStart) {
  Put("m", std::string(5000, 'x'));
  EXPECT_EQ(ReadTerminationMessage(dir_ + "/m", "").size(), 4096u);
}

TEST_F(TerminationMessageTest, FallsBackToTheEndOfTheLogWithoutItsPrefixes) {
  Put("m", "");
  Put("log",
      "2026-01-01T00:00:00Z stdout F one\n2026-01-01T00:00:00Z stderr P tw\n"
      "2026-01-01T00:00:00Z stderr F o\n");
  EXPECT_EQ(ReadTerminationMessage(dir_ + "/m", dir_ + "/log"), "one\ntwo\n");
  EXPECT_EQ(ReadTerminationMessage(dir_ + "/m", ""), "");
}

TEST_F(TerminationMessageTest, IsNotLedElsewhereByASymlink) {
  Put("secret", "hidden");
  std::filesystem::create_symlink(dir_ + "/secret", dir_ + "/m");
  EXPECT_EQ(ReadTerminationMessage(dir_ + "/m", ""), "");
}

}  // namespace
}  // namespace berth::agent
