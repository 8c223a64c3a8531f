// SPDX-License-Identifier: Apache-2.0
// Static pods among the pods of a node.
#include "agent/pods/worker_fixture.h"
#include "agent/sources/static_pod.h"
#include "api/proto/core/v1/pod_spec.pb.h"

namespace berth::agent {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class StaticWorkerTest : public WorkerTest {
 protected:
  StaticWorkerTest() {
    context_->mirror_status = [this](const Pod& pod, const PodStatus& status) {
      mirrored_[pod.metadata().uid()] = status;
    };
  }
  static std::shared_ptr<Pod> Static(const std::string& uid) {
    auto pod = MakePod("own-n1");
    pod->mutable_metadata()->set_uid(uid);
    (*pod->mutable_metadata()->mutable_annotations())[kConfigSource] = "file";
    return pod;
  }
  bool Runs(const std::string& uid) {
    const auto worker = set_->Find(uid);
    return worker != nullptr && worker->Seen() != nullptr && worker->Seen()->AnyRunning();
  }

  std::map<std::string, PodStatus> mirrored_;
};

TEST_F(StaticWorkerTest, RunsWhileTheApiIsSilentAndReportsToItsMirror) {
  set_->Deliver(Static("s1"));
  set_->Deliver(MakePod("web"));
  Settle();
  EXPECT_TRUE(Runs("s1"));
  EXPECT_FALSE(Runs("uid-web"));
  EXPECT_EQ(mirrored_["s1"].phase(), "Running");
  EXPECT_THAT(api_.log, IsEmpty());
  // The API's pods are not known yet: what looks like nobody's is left alone.
  set_->Reconcile({{"stranger", {}}});
  EXPECT_EQ(set_->Find("stranger"), nullptr);
  set_->SourceReady();
  Settle();
  EXPECT_TRUE(Runs("uid-web"));
}

TEST_F(StaticWorkerTest, AnotherVersionWaitsForTheEndOfTheFirst) {
  set_->Deliver(Static("s1"));
  Settle();
  const auto before = set_->Find("s1");
  set_->Lost("s1");
  set_->Deliver(Static("s2"));
  EXPECT_EQ(set_->Find("s2"), nullptr);
  Settle();
  Advance(absl::Seconds(31));
  EXPECT_EQ(set_->Find("s1"), nullptr);
  EXPECT_FALSE(before->Seen()->AnyRunning());
  EXPECT_TRUE(Runs("s2"));
}

TEST_F(StaticWorkerTest, KeepsItsTimesAndEndsOnceItsStatusIsFinal) {
  auto pod = Static("s1");
  pod->mutable_spec()->set_restart_policy("Never");
  set_->Deliver(pod);
  Settle();
  const int64_t started = mirrored_["s1"].start_time().seconds();
  const auto id = set_->Find("s1")->Seen()->containers.at(0).id;
  Advance(absl::Minutes(2));
  EXPECT_EQ(mirrored_["s1"].start_time().seconds(), started);
  runtime_.Exit(id, 0);
  Settle();
  EXPECT_EQ(mirrored_["s1"].phase(), "Succeeded");
  Advance(absl::Minutes(2));
  EXPECT_EQ(set_->Find("s1")->phase(), PodWorker::Phase::kTerminated);
  EXPECT_EQ(mirrored_["s1"].start_time().seconds(), started);
}

TEST_F(StaticWorkerTest, OneThatRanBeforeTheDaemonRestartedIsNotAdmittedAgain) {
  (*node_->mutable_status()->mutable_allocatable())["pods"].set_string("1");
  set_->Deliver(Static("s1"));
  Settle();
  ASSERT_TRUE(Runs("s1"));
  Restart();
  auto other = Static("s0");
  other->mutable_metadata()->set_name("other-n1");
  set_->Deliver(other);
  set_->Deliver(Static("s1"));
  Settle();
  EXPECT_TRUE(Runs("s1"));
  EXPECT_FALSE(Runs("s0"));
  EXPECT_THAT(event_log_, Contains(HasSubstr("UnexpectedAdmissionError")));
}

}  // namespace
}  // namespace berth::agent
