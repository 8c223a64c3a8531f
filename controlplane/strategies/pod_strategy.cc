// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "api/pod_references.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/pod_spec.pb.h"
#include "api/proto/scheduling/v1/scheduling.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/strategies/pod_qos.h"
#include "controlplane/strategies/service_account_admission.h"
#include "controlplane/strategies/strategies.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Pod;
using api::core::v1::PodSpec;
using base::StrCat;

constexpr std::string_view kMirror = "kubernetes.io/config.mirror";
constexpr int64_t kDefaultGrace = 30;

// A node that goes away keeps its pods for five minutes, unless they say otherwise.
void TolerateLostNode(PodSpec& spec) {
  for (const char* key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    const bool there =
        std::any_of(spec.tolerations().begin(), spec.tolerations().end(), [key](const auto& t) {
          return (t.key() == key || (t.key().empty() && t.operator_() == "Exists")) &&
                 (t.effect().empty() || t.effect() == "NoExecute");
        });
    if (there) continue;
    auto* toleration = spec.add_tolerations();
    toleration->set_key(key);
    toleration->set_operator_("Exists");
    toleration->set_effect("NoExecute");
    toleration->set_toleration_seconds(300);
  }
}

// Upstream's two classes for what a cluster cannot do without.
std::optional<int32_t> BuiltInPriority(std::string_view name) {
  if (name == "system-node-critical") return 2'000'001'000;
  if (name == "system-cluster-critical") return 2'000'000'000;
  return std::nullopt;
}

class PodStrategy : public Strategy {
 public:
  explicit PodStrategy(const ObjectCache& cache) : cache_(cache) {}

  absl::Status PrepareForCreate(const WriteContext& context, api::Message& object) override {
    auto& pod = static_cast<Pod&>(object);
    const bool mirror = pod.metadata().annotations().count(std::string(kMirror)) > 0;
    if (pod.spec().ephemeral_containers_size() > 0) {
      return InvalidError({"", "pods", "Pod", pod.metadata().name()},
                          {{"FieldValueForbidden", "Forbidden: cannot be set on create",
                            "spec.ephemeralContainers"}});
    }
    if (const std::string_view node = context.user.Node(); !node.empty()) {
      RETURN_IF_ERROR(CheckNodeMayCreate(node, mirror, pod));
    }
    pod.mutable_status()->set_phase("Pending");
    pod.mutable_status()->set_qos_class(std::string(QosClassOf(pod.spec())));
    TolerateLostNode(*pod.mutable_spec());
    RETURN_IF_ERROR(ResolvePriority(pod));
    return mirror ? absl::OkStatus() : AdmitServiceAccount(cache_, pod);
  }

  absl::Status PrepareForUpdate(const WriteContext&, const api::Message& old,
                                api::Message& object) override {
    // A node once given stays; binding is a subresource.
    const auto& was = static_cast<const Pod&>(old);
    auto& pod = static_cast<Pod&>(object);
    if (!was.spec().node_name().empty() && pod.spec().node_name().empty()) {
      pod.mutable_spec()->set_node_name(was.spec().node_name());
    }
    return absl::OkStatus();
  }

  std::optional<int64_t> GracePeriod(const api::Message& object,
                                     std::optional<int64_t> requested) override {
    const auto& pod = static_cast<const Pod&>(object);
    int64_t period = kDefaultGrace;
    if (pod.spec().has_termination_grace_period_seconds()) {
      period = pod.spec().termination_grace_period_seconds();
    }
    period = requested.value_or(period);
    const std::string& phase = pod.status().phase();
    if (pod.spec().node_name().empty() || phase == "Failed" || phase == "Succeeded") return 0;
    return period < 0 ? 1 : period;
  }

 private:
  // A node may show its own static pods and nothing more: what a pod refers to, its node may read.
  absl::Status CheckNodeMayCreate(std::string_view node, bool mirror, const Pod& pod) const {
    const ErrorSubject subject{"", "pods", "Pod", pod.metadata().name()};
    if (!mirror) {
      return ForbiddenError(subject,
                            StrCat("pod does not have \"", kMirror, "\" annotation, node \"", node,
                                   "\" can only create mirror pods"));
    }
    if (pod.spec().node_name() != node) {
      return ForbiddenError(subject, StrCat("node \"", node,
                                            "\" can only create pods with spec.nodeName set to "
                                            "itself"));
    }
    if (const auto resource = api::ReferencedResource(pod.spec()); !resource.empty()) {
      return ForbiddenError(
          subject, StrCat("node \"", node, "\" can not create pods that reference ", resource));
    }
    return CheckOwner(node, subject, pod);
  }

  absl::Status CheckOwner(std::string_view node, const ErrorSubject& subject,
                          const Pod& pod) const {
    const auto& owners = pod.metadata().owner_references();
    if (owners.size() > 1) {
      return ForbiddenError(
          subject, StrCat("node \"", node,
                          "\" can only create pods with a single owner reference set to itself"));
    }
    if (owners.empty()) return absl::OkStatus();
    const auto& owner = owners[0];
    if (owner.api_version() != "v1" || owner.kind() != "Node" || owner.name() != node) {
      return ForbiddenError(
          subject,
          StrCat("node \"", node, "\" can only create pods with an owner reference set to itself"));
    }
    if (!owner.controller()) {
      return ForbiddenError(subject, StrCat("node \"", node,
                                            "\" can only create pods with a controller owner "
                                            "reference set to itself"));
    }
    if (owner.block_owner_deletion()) {
      return ForbiddenError(subject, StrCat("node \"", node,
                                            "\" must not set blockOwnerDeletion on an owner "
                                            "reference"));
    }
    const auto found = cache_.Get(*FindResource("", "v1", "nodes"), "", node);
    if (!found.ok()) return found.status();
    const auto& there = static_cast<const api::core::v1::Node&>(*found->object);
    if (owner.uid() != there.metadata().uid()) {
      return ForbiddenError(subject, StrCat("node ", node, " UID mismatch: expected ",
                                            there.metadata().uid(), " got ", owner.uid()));
    }
    return absl::OkStatus();
  }

  absl::Status ResolvePriority(Pod& pod) const {
    auto& spec = *pod.mutable_spec();
    if (!spec.has_preemption_policy()) spec.set_preemption_policy("PreemptLowerPriority");
    if (spec.priority_class_name().empty()) {
      if (!spec.has_priority()) spec.set_priority(0);
      return absl::OkStatus();
    }
    if (const auto built_in = BuiltInPriority(spec.priority_class_name()); built_in.has_value()) {
      spec.set_priority(*built_in);
      return absl::OkStatus();
    }
    const auto found = cache_.Get(*FindResource("scheduling.k8s.io", "v1", "priorityclasses"), "",
                                  spec.priority_class_name());
    if (!found.ok()) {
      return ForbiddenError(
          {"", "pods", "Pod", pod.metadata().name()},
          StrCat("no PriorityClass with name ", spec.priority_class_name(), " was found"));
    }
    const auto& priority = static_cast<const api::scheduling::v1::PriorityClass&>(*found->object);
    spec.set_priority(priority.value());
    if (priority.has_preemption_policy()) spec.set_preemption_policy(priority.preemption_policy());
    return absl::OkStatus();
  }

  const ObjectCache& cache_;
};

}  // namespace

std::unique_ptr<Strategy> MakePodStrategy(const ObjectCache& cache) {
  return std::make_unique<PodStrategy>(cache);
}

}  // namespace berth::controlplane
