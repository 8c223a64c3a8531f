// SPDX-License-Identifier: Apache-2.0
// What may change in a Pod that exists.
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>

#include "api/proto/core/v1/pod.pb.h"
#include "api/validation_pod.h"

namespace berth::api::internal {
namespace {

using google::protobuf::util::MessageDifferencer;

bool SameToleration(core::v1::Toleration a, core::v1::Toleration b) {
  a.clear_toleration_seconds();
  b.clear_toleration_seconds();
  return MessageDifferencer::Equivalent(a, b);
}

void CheckTolerationUpdate(const core::v1::PodSpec& spec, const core::v1::PodSpec& old,
                           const Path& path, Findings& findings) {
  for (const auto& before : old.tolerations()) {
    const bool kept = std::any_of(spec.tolerations().begin(), spec.tolerations().end(),
                                  [&](const auto& after) { return SameToleration(before, after); });
    if (!kept) {
      findings.Forbidden(path / "tolerations",
                         "existing toleration can not be modified except its tolerationSeconds");
      return;
    }
  }
}

void CheckDeadlineUpdate(const core::v1::PodSpec& spec, const core::v1::PodSpec& old,
                         const Path& path, Findings& findings) {
  if (!old.has_active_deadline_seconds()) return;
  const Path at = path / "activeDeadlineSeconds";
  if (!spec.has_active_deadline_seconds()) {
    findings.InvalidJson(at, "null", "must not update from a positive integer to nil value");
  } else if (spec.active_deadline_seconds() > old.active_deadline_seconds()) {
    findings.InvalidNumber(at, spec.active_deadline_seconds(),
                           "must be less than or equal to previous value");
  }
}

void CheckGateUpdate(const core::v1::PodSpec& spec, const core::v1::PodSpec& old, const Path& path,
                     Findings& findings) {
  for (const auto& gate : spec.scheduling_gates()) {
    const bool known = std::any_of(old.scheduling_gates().begin(), old.scheduling_gates().end(),
                                   [&](const auto& other) { return other.name() == gate.name(); });
    if (!known) {
      findings.Forbidden(path / "schedulingGates",
                         base::StrCat("only deletion is allowed, but found new scheduling gate '",
                                      gate.name(), "'"));
    }
  }
}

// `spec` with everything that may change as it was in `old`.
core::v1::PodSpec WithoutAllowedChanges(core::v1::PodSpec spec, const core::v1::PodSpec& old) {
  for (int i = 0; i < spec.containers_size(); ++i) {
    spec.mutable_containers(i)->set_image(old.containers(i).image());
  }
  for (int i = 0; i < spec.init_containers_size(); ++i) {
    spec.mutable_init_containers(i)->set_image(old.init_containers(i).image());
  }
  spec.clear_active_deadline_seconds();
  if (old.has_active_deadline_seconds()) {
    spec.set_active_deadline_seconds(old.active_deadline_seconds());
  }
  *spec.mutable_tolerations() = old.tolerations();
  *spec.mutable_scheduling_gates() = old.scheduling_gates();
  if (old.termination_grace_period_seconds() < 0 && spec.termination_grace_period_seconds() == 1) {
    spec.set_termination_grace_period_seconds(old.termination_grace_period_seconds());
  }
  return spec;
}

}  // namespace

void CheckEphemeralContainersUpdate(const core::v1::Pod& pod, const core::v1::Pod& old,
                                    Findings& findings) {
  const Path path = Path("spec") / "ephemeralContainers";
  if (old.metadata().annotations().contains("kubernetes.io/config.mirror")) {
    findings.Forbidden(path, "static pods do not support ephemeral containers");
  }
  for (const auto& before : old.spec().ephemeral_containers()) {
    const std::string& name = before.ephemeral_container_common().name();
    const auto& all = pod.spec().ephemeral_containers();
    const auto after = std::find_if(all.begin(), all.end(), [&](const auto& container) {
      return container.ephemeral_container_common().name() == name;
    });
    if (after == all.end()) {
      findings.Forbidden(
          path, base::StrCat("existing ephemeral containers \"", name, "\" may not be removed\n"));
    } else if (!MessageDifferencer::Equivalent(before, *after)) {
      findings.Forbidden(
          path, base::StrCat("existing ephemeral containers \"", name, "\" may not be changed\n"));
    }
  }
}

void CheckPodUpdate(const core::v1::Pod& pod, const core::v1::Pod& old, Findings& findings) {
  const Path path("spec");
  bool same_containers = true;
  if (pod.spec().containers_size() != old.spec().containers_size()) {
    findings.Forbidden(path / "containers", "pod updates may not add or remove containers");
    same_containers = false;
  }
  if (pod.spec().init_containers_size() != old.spec().init_containers_size()) {
    findings.Forbidden(path / "initContainers", "pod updates may not add or remove containers");
    same_containers = false;
  }
  if (!same_containers) return;
  CheckDeadlineUpdate(pod.spec(), old.spec(), path, findings);
  CheckTolerationUpdate(pod.spec(), old.spec(), path, findings);
  CheckGateUpdate(pod.spec(), old.spec(), path, findings);
  // Equivalent: a value that is zero and one that is absent are the same value.
  if (!MessageDifferencer::Equivalent(WithoutAllowedChanges(pod.spec(), old.spec()), old.spec())) {
    findings.Forbidden(
        path,
        "pod updates may not change fields other than "
        "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
        "`spec.tolerations` (only additions to existing tolerations),"
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "
        "negative)");
  }
}

}  // namespace berth::api::internal
