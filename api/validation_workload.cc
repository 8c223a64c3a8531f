// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/util/message_differencer.h>

#include "api/codec.h"
#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/batch/v1/batch.pb.h"
#include "api/proto/policy/v1/policy.pb.h"
#include "api/selector.h"
#include "api/validation_kinds.h"
#include "api/validation_meta.h"
#include "api/validation_pod.h"

namespace berth::api::internal {
namespace {

// Selector, template, and that they belong together.
template <class Spec>
void CheckPods(const Spec& spec, std::string_view kind, Findings& findings) {
  const Path path("spec");
  const Path pod = path / "template";
  if (!spec.has_selector()) {
    findings.Required(path / "selector");
  } else {
    CheckLabelSelector(spec.selector(), path / "selector", findings);
    if (spec.selector().match_labels_size() + spec.selector().match_expressions_size() == 0) {
      findings.InvalidJson(path / "selector", "{}",
                           base::StrCat("empty selector is invalid for ", kind));
    }
    const auto selector = LabelSelector::Of(spec.selector());
    if (selector.ok() && !selector->Matches(spec.template_().metadata().labels())) {
      findings.InvalidJson(pod / "metadata" / "labels",
                           LabelsText(spec.template_().metadata().labels()),
                           "`selector` does not match template `labels`");
    }
  }
  CheckPodTemplate(spec.template_(), pod, findings);
  const std::string& restart = spec.template_().spec().restart_policy();
  if (!restart.empty() && restart != "Always") {
    findings.NotSupported(pod / "spec" / "restartPolicy", restart, {"Always"});
  }
  if (spec.template_().spec().has_active_deadline_seconds()) {
    findings.Forbidden(pod / "spec" / "activeDeadlineSeconds",
                       base::StrCat("activeDeadlineSeconds in ", kind, " is not Supported"));
  }
}

template <class Spec>
void CheckSelectorUpdate(const Spec& spec, const Spec& old, Findings& findings) {
  if (google::protobuf::util::MessageDifferencer::Equivalent(spec.selector(), old.selector())) {
    return;
  }
  findings.InvalidJson(Path("spec.selector"), EncodeJson(spec.selector()), "field is immutable");
}

// A count or a percentage; whether it is nothing at all.
bool CheckPortion(const IntOrString& value, const Path& path, Findings& findings) {
  if (value.type() == 0) {
    findings.CheckNotNegative(path, value.int_val());
    return value.int_val() == 0;
  }
  std::string_view text = value.str_val();
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  const auto number = base::ParseInt<int>(text);
  if (!percent || !number || *number < 0) {
    findings.Invalid(path, value.str_val(),
                     "a valid percent string must be a numeric string followed by an ending '%' "
                     "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')");
    return false;
  }
  return *number == 0;
}

void CheckStrategy(const apps::v1::DeploymentStrategy& strategy, const Path& path,
                   Findings& findings) {
  findings.CheckOneOf(path / "type", strategy.type(), {"Recreate", "RollingUpdate"});
  const Path rolling = path / "rollingUpdate";
  if (strategy.type() == "Recreate" && strategy.has_rolling_update()) {
    findings.Forbidden(rolling, "may not be specified when strategy `type` is 'Recreate'");
  }
  if (strategy.type() != "RollingUpdate") return;
  if (!strategy.has_rolling_update()) {
    findings.Required(rolling, "this should be defaulted and never be nil");
    return;
  }
  const auto& update = strategy.rolling_update();
  const bool none_out =
      CheckPortion(update.max_unavailable(), rolling / "maxUnavailable", findings);
  const bool none_more = CheckPortion(update.max_surge(), rolling / "maxSurge", findings);
  if (none_out && none_more) {
    const IntOrString& value = update.max_unavailable();
    findings.InvalidJson(rolling / "maxUnavailable",
                         value.type() == 0 ? "0" : Quote(value.str_val()),
                         "may not be 0 when `maxSurge` is 0");
  }
}

template <class T>
const auto& SpecOf(const Message& object) {
  return static_cast<const T&>(object).spec();
}

}  // namespace

void CheckDeployment(const Message& object, Findings& findings) {
  const auto& spec = SpecOf<apps::v1::Deployment>(object);
  const Path path("spec");
  findings.CheckNotNegative(path / "replicas", spec.replicas());
  CheckPods(spec, "deployment", findings);
  CheckStrategy(spec.strategy(), path / "strategy", findings);
  findings.CheckNotNegative(path / "minReadySeconds", spec.min_ready_seconds());
  findings.CheckNotNegative(path / "revisionHistoryLimit", spec.revision_history_limit());
  if (!spec.has_progress_deadline_seconds()) return;
  const Path deadline = path / "progressDeadlineSeconds";
  findings.CheckNotNegative(deadline, spec.progress_deadline_seconds());
  if (spec.progress_deadline_seconds() <= spec.min_ready_seconds()) {
    findings.InvalidNumber(deadline, spec.progress_deadline_seconds(),
                           "must be greater than minReadySeconds");
  }
}

void CheckDeploymentUpdate(const Message& object, const Message& old, Findings& findings) {
  CheckSelectorUpdate(SpecOf<apps::v1::Deployment>(object), SpecOf<apps::v1::Deployment>(old),
                      findings);
}

void CheckReplicaSet(const Message& object, Findings& findings) {
  const auto& spec = SpecOf<apps::v1::ReplicaSet>(object);
  findings.CheckNotNegative(Path("spec.replicas"), spec.replicas());
  findings.CheckNotNegative(Path("spec.minReadySeconds"), spec.min_ready_seconds());
  CheckPods(spec, "replicaset", findings);
}

void CheckReplicaSetUpdate(const Message& object, const Message& old, Findings& findings) {
  CheckSelectorUpdate(SpecOf<apps::v1::ReplicaSet>(object), SpecOf<apps::v1::ReplicaSet>(old),
                      findings);
}

void CheckDaemonSet(const Message& object, Findings& findings) {
  const auto& spec = SpecOf<apps::v1::DaemonSet>(object);
  CheckPods(spec, "daemonset", findings);
  findings.CheckNotNegative(Path("spec.minReadySeconds"), spec.min_ready_seconds());
  findings.CheckOneOf(Path("spec.updateStrategy.type"), spec.update_strategy().type(),
                      {"OnDelete", "RollingUpdate"});
}

void CheckDaemonSetUpdate(const Message& object, const Message& old, Findings& findings) {
  CheckSelectorUpdate(SpecOf<apps::v1::DaemonSet>(object), SpecOf<apps::v1::DaemonSet>(old),
                      findings);
}

void CheckStatefulSet(const Message& object, Findings& findings) {
  const auto& spec = SpecOf<apps::v1::StatefulSet>(object);
  findings.CheckNotNegative(Path("spec.replicas"), spec.replicas());
  CheckPods(spec, "statefulset", findings);
  findings.CheckOneOf(Path("spec.podManagementPolicy"), spec.pod_management_policy(),
                      {"OrderedReady", "Parallel"});
}

void CheckStatefulSetUpdate(const Message& object, const Message& old, Findings& findings) {
  CheckSelectorUpdate(SpecOf<apps::v1::StatefulSet>(object), SpecOf<apps::v1::StatefulSet>(old),
                      findings);
}

void CheckJob(const Message& object, Findings& findings) {
  const auto& spec = SpecOf<batch::v1::Job>(object);
  const Path path("spec");
  findings.CheckNotNegative(path / "parallelism", spec.parallelism());
  findings.CheckNotNegative(path / "completions", spec.completions());
  findings.CheckNotNegative(path / "backoffLimit", spec.backoff_limit());
  findings.CheckNotNegative(path / "activeDeadlineSeconds", spec.active_deadline_seconds());
  findings.CheckNotNegative(path / "ttlSecondsAfterFinished", spec.ttl_seconds_after_finished());
  findings.CheckOneOf(path / "completionMode", spec.completion_mode(), {"Indexed", "NonIndexed"});
  if (spec.completion_mode() == "Indexed" && !spec.has_completions()) {
    findings.Required(path / "completions", "when completion mode is Indexed");
  }
  const Path pod = path / "template";
  CheckLabelSelector(spec.selector(), path / "selector", findings);
  CheckPodTemplate(spec.template_(), pod, findings);
  const std::string& restart = spec.template_().spec().restart_policy();
  if (restart != "OnFailure" && restart != "Never") {
    findings.Required(pod / "spec" / "restartPolicy", "valid values: \"OnFailure\", \"Never\"");
  }
}

void CheckJobUpdate(const Message& object, const Message& old, Findings& findings) {
  using google::protobuf::util::MessageDifferencer;
  const auto& spec = SpecOf<batch::v1::Job>(object);
  const auto& before = SpecOf<batch::v1::Job>(old);
  CheckSelectorUpdate(spec, before, findings);
  if (!MessageDifferencer::Equivalent(spec.template_(), before.template_())) {
    findings.InvalidJson(Path("spec.template"), EncodeJson(spec.template_()), "field is immutable");
  }
  if (spec.completion_mode() != before.completion_mode()) {
    findings.Invalid(Path("spec.completionMode"), spec.completion_mode(), "field is immutable");
  }
  if (spec.completions() != before.completions() && spec.completion_mode() != "Indexed") {
    findings.InvalidNumber(Path("spec.completions"), spec.completions(), "field is immutable");
  }
}

void CheckPodDisruptionBudget(const Message& object, Findings& findings) {
  const auto& spec = SpecOf<policy::v1::PodDisruptionBudget>(object);
  const Path path("spec");
  if (spec.has_min_available() && spec.has_max_unavailable()) {
    findings.InvalidJson(path, EncodeJson(spec),
                         "minAvailable and maxUnavailable cannot be both set");
  }
  if (spec.has_min_available()) {
    CheckPortion(spec.min_available(), path / "minAvailable", findings);
  }
  if (spec.has_max_unavailable()) {
    CheckPortion(spec.max_unavailable(), path / "maxUnavailable", findings);
  }
  if (spec.has_unhealthy_pod_eviction_policy()) {
    findings.CheckOneOf(path / "unhealthyPodEvictionPolicy", spec.unhealthy_pod_eviction_policy(),
                        {"AlwaysAllow", "IfHealthyBudget"});
  }
  CheckLabelSelector(spec.selector(), path / "selector", findings);
}

}  // namespace berth::api::internal
