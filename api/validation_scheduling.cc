// SPDX-License-Identifier: Apache-2.0
// Where a pod may run: node selector, tolerations, affinity, spread.
#include "api/proto/core/v1/pod_spec.pb.h"
#include "api/validation_meta.h"
#include "api/validation_pod.h"

namespace berth::api::internal {
namespace {

void CheckToleration(const core::v1::Toleration& toleration, const Path& path, Findings& findings) {
  const std::string& op = toleration.operator_();
  if (!toleration.key().empty()) {
    findings.Check(path / "key", toleration.key(), QualifiedNameProblems(toleration.key()));
  } else if (op != "Exists") {
    findings.Invalid(path / "operator", op,
                     "operator must be Exists when `key` is empty, which means \"match all values "
                     "and all keys\"");
  }
  if (toleration.has_toleration_seconds() && toleration.effect() != "NoExecute") {
    findings.Invalid(path / "effect", toleration.effect(),
                     "effect must be 'NoExecute' when `tolerationSeconds` is set");
  }
  if (op.empty() || op == "Equal") {
    findings.Check(path / "operator", toleration.value(), LabelValueProblems(toleration.value()));
  } else if (op == "Exists") {
    if (!toleration.value().empty()) {
      findings.Invalid(path / "operator", toleration.value(),
                       "value must be empty when `operator` is 'Exists'");
    }
  } else {
    findings.NotSupported(path / "operator", op, {"Equal", "Exists"});
  }
  if (!toleration.effect().empty()) {
    findings.CheckOneOf(path / "effect", toleration.effect(),
                        {"NoSchedule", "PreferNoSchedule", "NoExecute"});
  }
}

void CheckNodeTerm(const core::v1::NodeSelectorTerm& term, const Path& path, Findings& findings) {
  for (int i = 0; i < term.match_expressions_size(); ++i) {
    const auto& expression = term.match_expressions(i);
    const Path at = (path / "matchExpressions")[i];
    const std::string& op = expression.operator_();
    if (op == "In" || op == "NotIn") {
      if (expression.values_size() == 0) {
        findings.Required(at / "values", "must be specified when `operator` is 'In' or 'NotIn'");
      }
    } else if (op == "Exists" || op == "DoesNotExist") {
      if (expression.values_size() > 0) {
        findings.Forbidden(at / "values",
                           "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      }
    } else if (op == "Gt" || op == "Lt") {
      if (expression.values_size() != 1) {
        findings.Required(at / "values",
                          "must be specified single value when `operator` is 'Lt' or 'Gt'");
      }
    } else {
      findings.Invalid(at / "operator", op, "not a valid selector operator");
    }
    findings.Check(at / "key", expression.key(), QualifiedNameProblems(expression.key()));
  }
}

void CheckWeight(int weight, const Path& path, Findings& findings) {
  if (weight < 1 || weight > 100) {
    findings.InvalidNumber(path / "weight", weight, "must be in the range 1-100");
  }
}

void CheckNodeAffinity(const core::v1::NodeAffinity& affinity, const Path& path,
                       Findings& findings) {
  if (affinity.has_required_during_scheduling_ignored_during_execution()) {
    const auto& terms =
        affinity.required_during_scheduling_ignored_during_execution().node_selector_terms();
    const Path at = path / "requiredDuringSchedulingIgnoredDuringExecution" / "nodeSelectorTerms";
    if (terms.empty()) findings.Required(at, "must have at least one node selector term");
    for (int i = 0; i < terms.size(); ++i) CheckNodeTerm(terms[i], at[i], findings);
  }
  const auto& preferred = affinity.preferred_during_scheduling_ignored_during_execution();
  for (int i = 0; i < preferred.size(); ++i) {
    const Path at = (path / "preferredDuringSchedulingIgnoredDuringExecution")[i];
    CheckWeight(preferred[i].weight(), at, findings);
    CheckNodeTerm(preferred[i].preference(), at / "preference", findings);
  }
}

void CheckPodTerm(const core::v1::PodAffinityTerm& term, const Path& path, Findings& findings) {
  if (term.has_label_selector()) {
    CheckLabelSelector(term.label_selector(), path / "labelSelector", findings);
  }
  if (term.topology_key().empty()) {
    findings.Required(path / "topologyKey", "can not be empty");
  } else {
    findings.Check(path / "topologyKey", term.topology_key(),
                   QualifiedNameProblems(term.topology_key()));
  }
}

template <class Affinity>
void CheckPodAffinity(const Affinity& affinity, const Path& path, Findings& findings) {
  const auto& required = affinity.required_during_scheduling_ignored_during_execution();
  for (int i = 0; i < required.size(); ++i) {
    CheckPodTerm(required[i], (path / "requiredDuringSchedulingIgnoredDuringExecution")[i],
                 findings);
  }
  const auto& preferred = affinity.preferred_during_scheduling_ignored_during_execution();
  for (int i = 0; i < preferred.size(); ++i) {
    const Path at = (path / "preferredDuringSchedulingIgnoredDuringExecution")[i];
    CheckWeight(preferred[i].weight(), at, findings);
    CheckPodTerm(preferred[i].pod_affinity_term(), at / "podAffinityTerm", findings);
  }
}

void CheckSpread(const core::v1::TopologySpreadConstraint& spread, const Path& path,
                 Findings& findings) {
  if (spread.max_skew() <= 0) {
    findings.InvalidNumber(path / "maxSkew", spread.max_skew(), "must be greater than zero");
  }
  if (spread.topology_key().empty()) findings.Required(path / "topologyKey", "can not be empty");
  findings.CheckOneOf(path / "whenUnsatisfiable", spread.when_unsatisfiable(),
                      {"DoNotSchedule", "ScheduleAnyway"});
  if (spread.has_label_selector()) {
    CheckLabelSelector(spread.label_selector(), path / "labelSelector", findings);
  }
}

}  // namespace

void CheckScheduling(const core::v1::PodSpec& spec, const Path& path, Findings& findings) {
  CheckLabels(spec.node_selector(), path / "nodeSelector", findings);
  for (int i = 0; i < spec.tolerations_size(); ++i) {
    CheckToleration(spec.tolerations(i), (path / "tolerations")[i], findings);
  }
  const Path affinity = path / "affinity";
  CheckNodeAffinity(spec.affinity().node_affinity(), affinity / "nodeAffinity", findings);
  CheckPodAffinity(spec.affinity().pod_affinity(), affinity / "podAffinity", findings);
  CheckPodAffinity(spec.affinity().pod_anti_affinity(), affinity / "podAntiAffinity", findings);
  for (int i = 0; i < spec.topology_spread_constraints_size(); ++i) {
    CheckSpread(spec.topology_spread_constraints(i), (path / "topologySpreadConstraints")[i],
                findings);
  }
}

}  // namespace berth::api::internal
