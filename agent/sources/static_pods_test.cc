// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/static_pods.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "agent/sources/mirror_pods.h"
#include "agent/sources/static_pod.h"
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

std::string Named(const std::string& name) {
  return base::StrCat("apiVersion: v1\nkind: Pod\nmetadata: {name: ", name,
                      "}\nspec: {containers: [{name: c, image: i}]}\n");
}

class StaticPodsTest : public ::testing::Test {
 protected:
  StaticPodsTest() {
    char name[] = "/tmp/staticXXXXXX";
    dir_ = mkdtemp(name);
    options_.node_name = "n1";
  }
  ~StaticPodsTest() override {
    if (pods_ != nullptr) pods_->Stop();
    std::filesystem::remove_all(dir_);
  }
  void Start() {
    pods_ = std::make_unique<StaticPods>(
        options_, nullptr, [this](const StaticPods::Options&) { return answer_; }, executor_,
        clock_,
        StaticPods::Hooks{
            [this](StaticPods::PodPtr pod) { log_.push_back("+" + pod->metadata().name()); },
            [this](StaticPods::PodPtr pod) { log_.push_back("-" + pod->metadata().name()); },
            [this] { log_.push_back("ready"); },
            [this](const std::string& problem) { problems_.push_back(problem); }});
    pods_->Start();
    executor_.RunAll();
  }
  std::vector<std::string> After(absl::Duration time) {
    log_.clear();
    clock_.Advance(time);
    executor_.RunAll();
    return log_;
  }

  std::string dir_;
  base::FakeClock clock_;
  base::ManualExecutor executor_;
  StaticPods::Options options_;
  absl::StatusOr<std::string> answer_ = base::Unavailable("connection refused");
  std::vector<std::string> log_, problems_;
  std::unique_ptr<StaticPods> pods_;
};

TEST_F(StaticPodsTest, FilesComeChangeAndGoEvenWithoutInotify) {
  options_.path = dir_;
  std::ofstream(dir_ + "/a.yaml") << Named("a");
  Start();
  EXPECT_THAT(log_, ElementsAre("+a-n1", "ready"));
  EXPECT_THAT(After(absl::Seconds(20)), IsEmpty());
  std::ofstream(dir_ + "/a.yaml") << Named("a") << "  \n# other\n";
  std::ofstream(dir_ + "/b.yaml") << Named("b");
  EXPECT_THAT(After(absl::Seconds(20)), ElementsAre("+b-n1"));
  std::ofstream(dir_ + "/a.yaml")
      << "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
         "spec: {hostNetwork: true, containers: [{name: c, image: i}]}\n";
  std::filesystem::remove(dir_ + "/b.yaml");
  EXPECT_THAT(After(absl::Seconds(20)), ::testing::UnorderedElementsAre("-a-n1", "-b-n1", "+a-n1"));
}

TEST_F(StaticPodsTest, AFolderThatIsNotThereYetIsNoPods) {
  options_.path = dir_ + "/later";
  Start();
  EXPECT_THAT(log_, ElementsAre("ready"));
  std::filesystem::create_directory(options_.path);
  std::ofstream(options_.path + "/a.yaml") << Named("a");
  EXPECT_THAT(After(absl::Seconds(20)), ElementsAre("+a-n1"));
}

TEST_F(StaticPodsTest, InotifySavesTheWait) {
  options_.path = dir_;
  options_.file_check = absl::Hours(1);
  auto inotify = kernel::Inotify::Make();
  ASSERT_TRUE(inotify.ok());
  base::RealClock clock;
  base::Mutex mu;
  base::CondVar changed;
  int delivered BERTH_GUARDED_BY(mu) = 0;
  {
    base::ThreadPool watcher("inotify", 1);
    base::ThreadPool pool("sources", 2);
    StaticPods pods(
        options_, inotify->get(), [this](const auto&) { return answer_; }, pool, clock,
        StaticPods::Hooks{[&](StaticPods::PodPtr) {
                            base::MutexLock lock(mu);
                            ++delivered;
                            changed.NotifyAll();
                          },
                          [](StaticPods::PodPtr) {},
                          [&] { std::ofstream(dir_ + "/a.yaml") << Named("a"); },
                          [](const std::string&) {}});
    watcher.Post([&] { (*inotify)->Run(); });
    pods.Start();
    bool came = true;
    {
      base::MutexLock lock(mu);
      while (delivered == 0 && came) came = changed.WaitFor(mu, absl::Seconds(60));
    }
    EXPECT_TRUE(came);
    (*inotify)->Stop();
  }
}

TEST_F(StaticPodsTest, AUrlThatFailsKeepsWhatWasThereAndIsNotReadyBefore) {
  options_.url = "http://manifests/";
  Start();
  EXPECT_THAT(log_, IsEmpty());
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("http://manifests/: connection refused")));
  answer_ = Named("a");
  EXPECT_THAT(After(absl::Seconds(20)), ElementsAre("+a-n1", "ready"));
  answer_ = base::Unavailable("status 500");
  EXPECT_THAT(After(absl::Seconds(20)), IsEmpty());
  answer_ = Named("b");
  EXPECT_THAT(After(absl::Seconds(20)), ElementsAre("-a-n1", "+b-n1"));
}

// --- mirrors

class MirrorApi : public PodApi {
 public:
  absl::Status PatchStatus(const PodRef& pod, std::string_view) override {
    log.push_back("patch " + pod.uid);
    return absl::OkStatus();
  }
  absl::Status Delete(const PodRef& pod) override {
    log.push_back("delete " + pod.uid);
    return error;
  }
  absl::Status Create(const Pod& pod, Pod& made) override {
    log.push_back("create " + pod.metadata().name());
    if (!error.ok()) return error;
    made = pod;
    made.mutable_metadata()->set_uid(base::StrCat("made", ++count));
    return absl::OkStatus();
  }
  std::vector<std::string> Take() { return std::exchange(log, {}); }
  absl::Status error;
  std::vector<std::string> log;
  int count = 0;
};

class MirrorPodsTest : public ::testing::Test {
 protected:
  static MirrorPods::PodPtr StaticPod(const std::string& text) {
    return (*ReadManifest(text, {ManifestOrigin::Kind::kFile, "/m/a", "n1"}, absl::Now()))[0];
  }
  // As the API would tell of it.
  static MirrorPods::PodPtr Mirror(const Pod& pod, const std::string& uid, bool deleted = false) {
    auto mirror = std::make_shared<Pod>(MirrorOf(pod, "node-uid"));
    mirror->mutable_metadata()->set_uid(uid);
    if (deleted) mirror->mutable_metadata()->mutable_deletion_timestamp()->set_seconds(1);
    return mirror;
  }
  std::vector<std::string> Settle(absl::Duration time = {}) {
    executor_.RunAll();
    clock_.Advance(time);
    executor_.RunAll();
    return api_.Take();
  }

  base::FakeClock clock_;
  base::ManualExecutor executor_;
  MirrorApi api_;
  std::string node_uid_ = "node-uid";
  bool ending_ = false;
  StatusWriter statuses_{api_, executor_, clock_, [](const std::string&) {}};
  MirrorPods mirrors_{api_,
                      statuses_,
                      executor_,
                      clock_,
                      {[this] { return node_uid_; },
                       [this](std::string_view, std::string_view) { return ending_; }}};
  const MirrorPods::PodPtr pod_ = StaticPod(Named("a"));
};

TEST_F(MirrorPodsTest, IsMadeOnceTheNodeIsKnownAndGetsTheStatus) {
  node_uid_.clear();
  mirrors_.Want(pod_);
  PodStatus status;
  status.set_phase("Running");
  mirrors_.SetStatus(*pod_, status);
  EXPECT_THAT(Settle(), IsEmpty());
  node_uid_ = "node-uid";
  EXPECT_THAT(Settle(absl::Seconds(1)), ElementsAre("create a-n1", "patch made1"));
  mirrors_.Seen(Mirror(*pod_, "made1"));
  EXPECT_THAT(Settle(), IsEmpty());
}

TEST_F(MirrorPodsTest, OneThatSomebodyDeletesIsMadeAgain) {
  mirrors_.Want(pod_);
  Settle();
  mirrors_.Seen(Mirror(*pod_, "made1", /*deleted=*/true));
  EXPECT_THAT(Settle(), ElementsAre("delete made1"));
  mirrors_.Lost(*Mirror(*pod_, "made1"));
  EXPECT_THAT(Settle(), ElementsAre("create a-n1"));
}

TEST_F(MirrorPodsTest, AnotherVersionReplacesItWhenTheOldPodIsGone) {
  mirrors_.Seen(Mirror(*pod_, "m1"));
  mirrors_.Want(pod_);
  EXPECT_THAT(Settle(), IsEmpty());
  const auto other = StaticPod(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
      "spec: {hostNetwork: true, containers: [{name: c, image: i}]}\n");
  ending_ = true;
  mirrors_.Want(other);
  mirrors_.Unwant(*pod_);
  EXPECT_THAT(Settle(absl::Seconds(1)), IsEmpty());
  ending_ = false;
  EXPECT_THAT(Settle(absl::Seconds(1)), ElementsAre("delete m1"));
  mirrors_.Lost(*Mirror(*pod_, "m1"));
  EXPECT_THAT(Settle(), ElementsAre("create a-n1"));
}

TEST_F(MirrorPodsTest, GoesWithItsPodAndNotBeforeEverySourceHasSpoken) {
  mirrors_.Seen(Mirror(*pod_, "m1"));
  EXPECT_THAT(Settle(absl::Seconds(5)), IsEmpty());
  mirrors_.Ready();
  EXPECT_THAT(Settle(), ElementsAre("delete m1"));
  mirrors_.Lost(*Mirror(*pod_, "m1"));
  EXPECT_THAT(Settle(absl::Seconds(5)), IsEmpty());
}

TEST_F(MirrorPodsTest, TriesAgainWhenTheApiIsAway) {
  api_.error = base::Unavailable("away");
  mirrors_.Want(pod_);
  EXPECT_THAT(Settle(), ElementsAre("create a-n1"));
  api_.error = absl::OkStatus();
  EXPECT_THAT(Settle(absl::Seconds(1)), ElementsAre("create a-n1"));
}

}  // namespace
}  // namespace berth::agent
