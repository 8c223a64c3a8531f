// SPDX-License-Identifier: Apache-2.0
// What /metrics tells about the time that the daemon adds to a pod.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/pods/worker_fixture.h"

namespace berth::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST_F(WorkerTest, ANewPodsTimeToItsFirstCallsIsMeasured) {
  const auto node = std::exchange(node_, nullptr);
  Run(MakePod());
  EXPECT_THAT(metrics_.Text(), HasSubstr("berth_pod_first_cri_call_seconds_count 0"));
  node_ = node;  // until then no pod is admitted
  Advance(absl::Milliseconds(200));
  EXPECT_THAT(metrics_.Text(), AllOf(HasSubstr("kubelet_pod_worker_start_duration_seconds_sum 0.2"),
                                     HasSubstr("berth_pod_first_cri_call_seconds_count 1\n"),
                                     HasSubstr("berth_pod_first_cri_call_seconds_sum 0.2"),
                                     HasSubstr("berth_pod_sandbox_cri_call_seconds_count 1\n")));
  Advance(absl::Minutes(2));  // later looks at the pod are none of it
  EXPECT_THAT(metrics_.Text(), HasSubstr("berth_pod_first_cri_call_seconds_count 1\n"));
}

TEST_F(WorkerTest, TheTimeFromRunningToAWrittenStatusIsMeasuredOnce) {
  api_.error = absl::UnavailableError("no answer");
  Run(MakePod());
  EXPECT_THAT(metrics_.Text(), HasSubstr("berth_pod_running_to_status_seconds_count 0"));
  api_.error = absl::OkStatus();
  Advance(absl::Seconds(10));
  EXPECT_THAT(metrics_.Text(), AllOf(HasSubstr("berth_pod_running_to_status_seconds_count 1\n"),
                                     HasSubstr("berth_pod_running_to_status_seconds_sum 10")));
  Advance(absl::Minutes(2));
  EXPECT_THAT(metrics_.Text(), HasSubstr("berth_pod_running_to_status_seconds_count 1\n"));
}

TEST_F(WorkerTest, APodThatWasHereBeforeIsNotMeasured) {
  auto pod = MakePod();
  pod->mutable_status()->mutable_start_time()->set_seconds(1);
  Run(pod);
  EXPECT_THAT(metrics_.Text(), AllOf(HasSubstr("berth_pod_first_cri_call_seconds_count 0"),
                                     HasSubstr("kubelet_pod_worker_start_duration_seconds_count 0"),
                                     HasSubstr("berth_pod_sandbox_cri_call_seconds_count 0")));
}

}  // namespace
}  // namespace berth::agent
