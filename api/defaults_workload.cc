// SPDX-License-Identifier: Apache-2.0
#include "api/defaults_workload.h"

#include "api/defaults_pod.h"
#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/batch/v1/batch.pb.h"

namespace berth::api::internal {
namespace {

void SetPercent(IntOrString& value, std::string_view percent) {
  value.set_type(1);
  value.set_str_val(std::string(percent));
}

void SetNumber(IntOrString& value, int number) {
  value.set_type(0);
  value.set_int_val(number);
}

void DefaultJobSpec(batch::v1::JobSpec& spec) {
  DefaultPodSpec(*spec.mutable_template_()->mutable_spec());
  if (!spec.has_completions() && !spec.has_parallelism()) spec.set_completions(1);
  if (!spec.has_parallelism()) spec.set_parallelism(1);
  if (!spec.has_backoff_limit()) spec.set_backoff_limit(6);
  if (!spec.has_completion_mode()) spec.set_completion_mode("NonIndexed");
  if (!spec.has_suspend()) spec.set_suspend(false);
  if (!spec.has_pod_replacement_policy()) {
    spec.set_pod_replacement_policy(spec.has_pod_failure_policy() ? "Failed"
                                                                  : "TerminatingOrFailed");
  }
  if (!spec.has_manual_selector()) spec.set_manual_selector(false);
}

}  // namespace

void DefaultDeployment(Message& object) {
  auto& spec = *static_cast<apps::v1::Deployment&>(object).mutable_spec();
  DefaultPodSpec(*spec.mutable_template_()->mutable_spec());
  if (!spec.has_replicas()) spec.set_replicas(1);
  if (!spec.has_revision_history_limit()) spec.set_revision_history_limit(10);
  if (!spec.has_progress_deadline_seconds()) spec.set_progress_deadline_seconds(600);
  auto& strategy = *spec.mutable_strategy();
  if (strategy.type().empty()) strategy.set_type("RollingUpdate");
  if (strategy.type() != "RollingUpdate") return;
  auto& rolling = *strategy.mutable_rolling_update();
  if (!rolling.has_max_unavailable()) SetPercent(*rolling.mutable_max_unavailable(), "25%");
  if (!rolling.has_max_surge()) SetPercent(*rolling.mutable_max_surge(), "25%");
}

void DefaultReplicaSet(Message& object) {
  auto& spec = *static_cast<apps::v1::ReplicaSet&>(object).mutable_spec();
  DefaultPodSpec(*spec.mutable_template_()->mutable_spec());
  if (!spec.has_replicas()) spec.set_replicas(1);
}

void DefaultDaemonSet(Message& object) {
  auto& spec = *static_cast<apps::v1::DaemonSet&>(object).mutable_spec();
  DefaultPodSpec(*spec.mutable_template_()->mutable_spec());
  if (!spec.has_revision_history_limit()) spec.set_revision_history_limit(10);
  auto& strategy = *spec.mutable_update_strategy();
  if (strategy.type().empty()) strategy.set_type("RollingUpdate");
  if (strategy.type() != "RollingUpdate") return;
  auto& rolling = *strategy.mutable_rolling_update();
  if (!rolling.has_max_unavailable()) SetNumber(*rolling.mutable_max_unavailable(), 1);
  if (!rolling.has_max_surge()) SetNumber(*rolling.mutable_max_surge(), 0);
}

void DefaultStatefulSet(Message& object) {
  auto& spec = *static_cast<apps::v1::StatefulSet&>(object).mutable_spec();
  DefaultPodSpec(*spec.mutable_template_()->mutable_spec());
  if (!spec.has_replicas()) spec.set_replicas(1);
  if (!spec.has_revision_history_limit()) spec.set_revision_history_limit(10);
  if (spec.pod_management_policy().empty()) spec.set_pod_management_policy("OrderedReady");
  auto& retention = *spec.mutable_persistent_volume_claim_retention_policy();
  if (retention.when_deleted().empty()) retention.set_when_deleted("Retain");
  if (retention.when_scaled().empty()) retention.set_when_scaled("Retain");
  auto& strategy = *spec.mutable_update_strategy();
  if (!strategy.type().empty() && strategy.type() != "RollingUpdate") return;
  strategy.set_type("RollingUpdate");
  if (!strategy.rolling_update().has_partition()) {
    strategy.mutable_rolling_update()->set_partition(0);
  }
}

void DefaultJob(Message& object) {
  DefaultJobSpec(*static_cast<batch::v1::Job&>(object).mutable_spec());
}

void DefaultCronJob(Message& object) {
  auto& spec = *static_cast<batch::v1::CronJob&>(object).mutable_spec();
  // Of its Jobs, what pods need; the rest comes when a Job is made.
  DefaultPodSpec(*spec.mutable_job_template()->mutable_spec()->mutable_template_()->mutable_spec());
  if (spec.concurrency_policy().empty()) spec.set_concurrency_policy("Allow");
  if (!spec.has_suspend()) spec.set_suspend(false);
  if (!spec.has_successful_jobs_history_limit()) spec.set_successful_jobs_history_limit(3);
  if (!spec.has_failed_jobs_history_limit()) spec.set_failed_jobs_history_limit(1);
}

}  // namespace berth::api::internal
