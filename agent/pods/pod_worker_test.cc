// SPDX-License-Identifier: Apache-2.0
// Pods through their whole life: started, crashed, deleted.
#include "agent/pods/worker_fixture.h"

namespace berth::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_F(WorkerTest, APodRunsAndSaysSo) {
  Run(MakePod());
  EXPECT_EQ(runtime_.running(), 1u);
  EXPECT_EQ(StatusOf().phase(), "Running");
  EXPECT_TRUE(StatusOf().container_statuses(0).ready());
  EXPECT_EQ(StatusOf().pod_ip(), "10.0.0.1");
  EXPECT_THAT(api_.last_patch, HasSubstr("\"phase\":\"Running\""));
  EXPECT_THAT(event_log_, ElementsAre("Created Container created", "Started Container started"));
  EXPECT_THAT(runtime_.ContainerConfigText(runtime_.FindContainer("app")),
              HasSubstr("io.kubernetes.container.restartCount"));
}

TEST_F(WorkerTest, NothingMovesWhenNothingChanges) {
  Run(MakePod());
  const size_t patches = api_.log.size();
  for (int i = 0; i < 5; ++i) Advance(absl::Minutes(2));
  EXPECT_EQ(api_.log.size(), patches);
  EXPECT_EQ(runtime_.containers(), 1u);
}

TEST_F(WorkerTest, ACrashRestartsAtOnceThenBacksOff) {
  Run(MakePod());
  runtime_.Exit(runtime_.FindContainer("app"), 1);
  Settle();
  EXPECT_EQ(runtime_.running(), 1u);
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 1);
  runtime_.Exit(runtime_.FindContainer("app"), 1);
  Settle();
  EXPECT_EQ(runtime_.running(), 0u);
  const auto waiting = StatusOf().container_statuses(0).state().waiting();
  EXPECT_EQ(waiting.reason(), "CrashLoopBackOff");
  EXPECT_EQ(waiting.message(),
            "back-off 10s restarting failed container=app pod=web_default(uid-web)");
  EXPECT_EQ(StatusOf().phase(), "Running");
  Advance(absl::Seconds(9));
  EXPECT_EQ(runtime_.running(), 0u);
  Advance(absl::Seconds(1));
  EXPECT_EQ(runtime_.running(), 1u);
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 2);
}

TEST_F(WorkerTest, OneDeadInstanceIsKept) {
  Run(MakePod());
  for (int i = 0; i < 4; ++i) {
    runtime_.Exit(runtime_.FindContainer("app"), 1);
    Settle();
    Advance(absl::Minutes(6));
  }
  EXPECT_EQ(runtime_.containers(), 2u);
  EXPECT_EQ(StatusOf().container_statuses(0).restart_count(), 4);
}

TEST_F(WorkerTest, DeletionStopsReportsCleansAndDeletesInThatOrder) {
  Run(MakePod());
  api_.log.clear();
  set_->Deliver(Deleted(30));
  Settle();
  EXPECT_THAT(runtime_.Calls(), Contains("StopContainer app 30"));
  EXPECT_THAT(event_log_, Contains("Killing Stopping container app"));
  EXPECT_EQ(api_.log.back(), "delete web");
  EXPECT_THAT(api_.deleted, ElementsAre("uid-web"));
  EXPECT_THAT(api_.last_patch, HasSubstr("\"phase\":\"Failed\""));
  EXPECT_EQ(runtime_.sandboxes(), 0u);
  EXPECT_THAT(volumes_.torn_down, ElementsAre("uid-web"));
  EXPECT_FALSE(std::filesystem::exists(options_.root_dir + "/pods/uid-web"));
  set_->Lost("uid-web");
  Settle();
  EXPECT_EQ(set_->Find("uid-web"), nullptr);
}

TEST_F(WorkerTest, TheObjectStaysUntilItsLastStatusIsThere) {
  Run(MakePod());
  api_.error = base::Unavailable("down");
  set_->Deliver(Deleted(30));
  Settle();
  EXPECT_THAT(api_.deleted, IsEmpty());
  EXPECT_EQ(runtime_.running(), 0u);
  api_.error = absl::OkStatus();
  Advance(absl::Seconds(30));
  EXPECT_THAT(api_.deleted, ElementsAre("uid-web"));
}

TEST_F(WorkerTest, PreStopRunsBeforeTheStop) {
  auto pod = MakePod();
  pod->mutable_spec()
      ->mutable_containers(0)
      ->mutable_lifecycle()
      ->mutable_pre_stop()
      ->mutable_exec()
      ->add_command("bye");
  Run(pod);
  auto deleted = Deleted(30);
  *deleted->mutable_spec() = pod->spec();
  set_->Deliver(deleted);
  Settle();
  const auto calls = runtime_.Calls();
  const auto hook = std::find(calls.begin(), calls.end(), "ExecSync bye");
  ASSERT_NE(hook, calls.end());
  EXPECT_NE(std::find(hook, calls.end(), "StopContainer app 30"), calls.end());
}

TEST_F(WorkerTest, ABadImageWaitsAndTriesAgain) {
  images_.bad = true;
  Run(MakePod());
  EXPECT_EQ(StatusOf().container_statuses(0).state().waiting().reason(), "ErrImagePull");
  EXPECT_EQ(StatusOf().phase(), "Pending");
  images_.reason = "ImagePullBackOff";
  Advance(absl::Seconds(10));
  EXPECT_EQ(StatusOf().container_statuses(0).state().waiting().reason(), "ImagePullBackOff");
  images_.bad = false;
  Advance(absl::Seconds(10));
  EXPECT_EQ(StatusOf().phase(), "Running");
}

TEST_F(WorkerTest, AMissingConfigMapIsAConfigError) {
  auto pod = MakePod();
  auto* env = pod->mutable_spec()->mutable_containers(0)->add_env_from();
  env->mutable_config_map_ref()->mutable_local_object_reference()->set_name("settings");
  Run(pod);
  const auto waiting = StatusOf().container_statuses(0).state().waiting();
  EXPECT_EQ(waiting.reason(), "CreateContainerConfigError");
  EXPECT_EQ(waiting.message(), "configmap \"settings\" not found");
}

TEST_F(WorkerTest, AFailedSandboxIsTriedAgain) {
  runtime_.FailNext("RunPodSandbox", absl::UnknownError("no network"), 1);
  Run(MakePod());
  EXPECT_EQ(runtime_.running(), 0u);
  EXPECT_THAT(event_log_, Contains("FailedCreatePodSandBox Failed to create pod sandbox: no "
                                   "network"));
  Advance(absl::Seconds(1));
  EXPECT_EQ(runtime_.running(), 1u);
}

TEST_F(WorkerTest, VolumesComeBeforeTheSandbox) {
  volumes_.error = base::NotFound("configmap \"x\" not found");
  Run(MakePod());
  EXPECT_EQ(runtime_.sandboxes(), 0u);
  EXPECT_EQ(StatusOf().container_statuses(0).state().waiting().reason(), "ContainerCreating");
  volumes_.error = absl::OkStatus();
  Advance(absl::Seconds(10));
  EXPECT_EQ(runtime_.running(), 1u);
}

}  // namespace
}  // namespace berth::agent
