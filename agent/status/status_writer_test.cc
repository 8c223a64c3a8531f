// SPDX-License-Identifier: Apache-2.0
#include "agent/status/status_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;
using api::core::v1::PodStatus;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Api : public PodApi {
 public:
  absl::Status PatchStatus(const PodRef&, std::string_view patch) override {
    if (!error.ok()) return error;
    patches.emplace_back(patch);
    return absl::OkStatus();
  }
  absl::Status Delete(const PodRef& pod) override {
    deletes.push_back(pod.uid);
    return absl::OkStatus();
  }
  absl::Status Create(const Pod&, Pod&) override { return absl::OkStatus(); }
  absl::Status error;
  std::vector<std::string> patches;
  std::vector<std::string> deletes;
};

class StatusWriterTest : public ::testing::Test {
 protected:
  StatusWriterTest() { pod_.mutable_metadata()->set_uid("u1"); }
  PodStatus Phase(const std::string& phase) {
    PodStatus status;
    status.set_phase(phase);
    return status;
  }

  base::FakeClock clock_;
  base::ManualExecutor executor_;
  Api api_;
  std::vector<std::string> written_;
  StatusWriter writer_{api_, executor_, clock_,
                       [this](const std::string& uid) { written_.push_back(uid); }};
  Pod pod_;
};

TEST_F(StatusWriterTest, TheLatestWinsAndEqualOnesAreDropped) {
  writer_.Set(pod_, Phase("Pending"));
  writer_.Set(pod_, Phase("Running"));
  EXPECT_FALSE(writer_.Written("u1"));
  executor_.RunAll();
  writer_.Set(pod_, Phase("Running"));
  executor_.RunAll();
  ASSERT_EQ(api_.patches.size(), 1u);
  EXPECT_THAT(api_.patches[0], HasSubstr("Running"));
  EXPECT_THAT(api_.patches[0], HasSubstr("\"uid\":\"u1\""));
  EXPECT_TRUE(writer_.Written("u1"));
}

TEST_F(StatusWriterTest, TriesAgainUntilTheApiIsBack) {
  api_.error = base::Unavailable("down");
  writer_.Set(pod_, Phase("Running"));
  executor_.RunAll();
  EXPECT_FALSE(writer_.Written("u1"));
  api_.error = absl::OkStatus();
  clock_.Advance(absl::Seconds(1));
  executor_.RunAll();
  EXPECT_TRUE(writer_.Written("u1"));
}

TEST_F(StatusWriterTest, DeletionComesAfterTheLastStatus) {
  api_.error = base::Unavailable("down");
  writer_.Set(pod_, Phase("Failed"));
  writer_.Delete(pod_);
  executor_.RunAll();
  EXPECT_THAT(api_.deletes, IsEmpty());
  api_.error = absl::OkStatus();
  clock_.Advance(absl::Seconds(1));
  executor_.RunAll();
  EXPECT_EQ(api_.patches.size(), 1u);
  EXPECT_THAT(api_.deletes, ElementsAre("u1"));
}

TEST_F(StatusWriterTest, APodThatIsGoneNeedsNoStatus) {
  api_.error = base::NotFound("no such pod");
  writer_.Set(pod_, Phase("Failed"));
  executor_.RunAll();
  EXPECT_TRUE(writer_.Written("u1"));
  EXPECT_THAT(written_, ElementsAre("u1"));
}

PodStatus Ready(const std::string& status) {
  PodStatus out;
  out.set_phase("Running");
  auto* condition = out.add_conditions();
  condition->set_type("Ready");
  condition->set_status(status);
  return out;
}

std::shared_ptr<const Pod> Seen(const PodStatus& status) {
  auto pod = std::make_shared<Pod>();
  pod->mutable_metadata()->set_uid("u1");
  *pod->mutable_status() = status;
  return pod;
}

TEST_F(StatusWriterTest, AConditionThatAnotherWroteOverIsWrittenAgain) {
  writer_.Set(pod_, Ready("True"));
  executor_.RunAll();
  PodStatus lost = Ready("False");
  lost.add_conditions()->set_type("DisruptionTarget");
  writer_.Seen(Seen(lost));
  clock_.Advance(absl::Seconds(1));
  executor_.RunAll();
  ASSERT_EQ(api_.patches.size(), 2u);
  EXPECT_THAT(api_.patches[1], HasSubstr("\"type\":\"Ready\""));
  EXPECT_THAT(api_.patches[1], HasSubstr("True"));
  EXPECT_THAT(api_.patches[1], Not(HasSubstr("DisruptionTarget")));
  writer_.Seen(Seen(Ready("True")));
  clock_.Advance(absl::Minutes(1));
  executor_.RunAll();
  EXPECT_EQ(api_.patches.size(), 2u);
}

TEST_F(StatusWriterTest, AWatchThatIsBehindCausesNoWrite) {
  writer_.Seen(Seen(Ready("False")));
  writer_.Set(pod_, Ready("False"));
  executor_.RunAll();
  writer_.Set(pod_, Ready("True"));
  writer_.Seen(Seen(Ready("False")));
  executor_.RunAll();
  writer_.Seen(Seen(Ready("True")));
  clock_.Advance(absl::Minutes(1));
  executor_.RunAll();
  EXPECT_EQ(api_.patches.size(), 2u);
}

// The other's write may be heard of before the answer to one's own.
TEST_F(StatusWriterTest, AConditionThatIsOverwrittenDuringAWriteIsWrittenAgain) {
  writer_.Set(pod_, Ready("True"));
  writer_.Seen(Seen(Ready("False")));
  executor_.RunAll();
  EXPECT_EQ(api_.patches.size(), 1u);
  clock_.Advance(absl::Seconds(1));
  executor_.RunAll();
  EXPECT_EQ(api_.patches.size(), 2u);
}

TEST(MakeStatusPatch, TouchesOwnConditionsAndAddressesOnly) {
  PodStatus before;
  before.set_phase("Running");
  before.set_message("old");
  before.add_pod_ips()->set_ip("10.0.0.1");
  for (const char* type : {"example.com/gate", "Ready"}) {
    auto* condition = before.add_conditions();
    condition->set_type(type);
    condition->set_status("False");
  }
  PodStatus after = before;
  after.clear_message();
  after.mutable_pod_ips(0)->set_ip("10.0.0.2");
  after.mutable_conditions(1)->set_status("True");
  const std::string patch = MakeStatusPatch("u1", before, after);
  EXPECT_THAT(patch, HasSubstr("\"message\":null"));
  EXPECT_THAT(patch, HasSubstr("\"type\":\"Ready\""));
  EXPECT_THAT(patch, HasSubstr("\"$patch\":\"delete\""));
  EXPECT_THAT(patch, Not(HasSubstr("phase")));
  EXPECT_THAT(patch, Not(HasSubstr("\"type\":\"example.com/gate\",\"status\"")));
  EXPECT_EQ(MakeStatusPatch("u1", after, after), "");
}

}  // namespace
}  // namespace berth::agent
