// SPDX-License-Identifier: Apache-2.0
// Nodes, and the small kinds that nodes and schedulers write.
#include <set>

#include "api/proto/coordination/v1/coordination.pb.h"
#include "api/proto/core/v1/event.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/selector.h"
#include "api/validation_kinds.h"
#include "api/validation_names.h"

namespace berth::api::internal {
namespace {

void CheckTaint(const core::v1::Taint& taint, const Path& path, Findings& findings) {
  findings.Check(path / "key", taint.key(), QualifiedNameProblems(taint.key()));
  findings.Check(path / "value", taint.value(), LabelValueProblems(taint.value()));
  findings.CheckOneOf(path / "effect", taint.effect(),
                      {"NoSchedule", "PreferNoSchedule", "NoExecute"});
}

template <class List>
bool SameList(const List& a, const List& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

void CheckNode(const Message& object, Findings& findings) {
  const auto& spec = static_cast<const core::v1::Node&>(object).spec();
  const Path path("spec");
  std::set<std::string> seen;
  for (int i = 0; i < spec.taints_size(); ++i) {
    const auto& taint = spec.taints(i);
    const Path at = (path / "taints")[i];
    CheckTaint(taint, at, findings);
    const std::string key = base::StrCat(taint.key(), ":", taint.effect());
    if (!seen.insert(key).second) findings.Duplicate(at, key);
  }
  if (spec.pod_cidrs_size() > 0 && !spec.pod_cidr().empty() &&
      spec.pod_cidrs(0) != spec.pod_cidr()) {
    findings.Invalid((path / "podCIDRs")[0], spec.pod_cidrs(0), "must match `podCIDR`");
  }
  for (int i = 0; i < spec.pod_cidrs_size(); ++i) {
    if (!IsCidr(spec.pod_cidrs(i))) {
      findings.Invalid((path / "podCIDRs")[i], spec.pod_cidrs(i),
                       "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
    }
  }
}

void CheckNodeUpdate(const Message& object, const Message& old, Findings& findings) {
  const auto& spec = static_cast<const core::v1::Node&>(object).spec();
  const auto& before = static_cast<const core::v1::Node&>(old).spec();
  const Path path("spec");
  const bool had_cidr = before.pod_cidrs_size() > 0 || !before.pod_cidr().empty();
  if (had_cidr &&
      (spec.pod_cidr() != before.pod_cidr() || !SameList(spec.pod_cidrs(), before.pod_cidrs()))) {
    findings.Forbidden(path / "podCIDRs",
                       "node updates may not change podCIDR except from \"\" to valid");
  }
  if (!before.provider_id().empty() && spec.provider_id() != before.provider_id()) {
    findings.Forbidden(path / "providerID",
                       "node updates may not change providerID except from \"\" to valid");
  }
}

void CheckEvent(const Message& object, Findings& findings) {
  const auto& event = static_cast<const core::v1::Event&>(object);
  const std::string& involved = event.involved_object().namespace_();
  const std::string& space = event.metadata().namespace_();
  // Events about what has no namespace live in "default".
  if (involved.empty() ? space != "default" && space != "kube-system" : involved != space) {
    findings.Invalid(Path("involvedObject.namespace"), involved, "does not match event.namespace");
  }
}

void CheckLease(const Message& object, Findings& findings) {
  const auto& spec = static_cast<const coordination::v1::Lease&>(object).spec();
  const Path path("spec");
  if (spec.has_lease_duration_seconds() && spec.lease_duration_seconds() <= 0) {
    findings.InvalidNumber(path / "leaseDurationSeconds", spec.lease_duration_seconds(),
                           "must be greater than 0");
  }
  if (spec.has_lease_transitions()) {
    findings.CheckNotNegative(path / "leaseTransitions", spec.lease_transitions());
  }
}

void CheckBinding(const Message& object, Findings& findings) {
  const auto& target = static_cast<const core::v1::Binding&>(object).target();
  if (!target.kind().empty() && target.kind() != "Node") {
    findings.NotSupported(Path("target.kind"), target.kind(), {"Node", "<empty>"});
  }
  if (target.name().empty()) findings.Required(Path("target.name"));
}

}  // namespace berth::api::internal
