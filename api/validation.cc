// SPDX-License-Identifier: Apache-2.0
#include "api/validation.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "api/validation_kinds.h"
#include "api/validation_meta.h"
#include "api/validation_pod.h"

namespace berth::api {
namespace {

using internal::Findings;
using internal::NameRule;
using internal::Path;
using internal::Scope;

struct KindRules {
  std::string_view type;
  NameRule name = NameRule::kPathSegment;
  Scope scope = Scope::kUnknown;
  void (*check)(const Message&, Findings&) = nullptr;
  void (*check_update)(const Message&, const Message&, Findings&) = nullptr;
};

void CheckPod(const Message& object, Findings& findings) {
  internal::CheckPodSpec(static_cast<const core::v1::Pod&>(object).spec(), internal::PodPlace::kPod,
                         Path("spec"), findings);
}

void CheckPodUpdate(const Message& object, const Message& old, Findings& findings) {
  internal::CheckPodUpdate(static_cast<const core::v1::Pod&>(object),
                           static_cast<const core::v1::Pod&>(old), findings);
}

constexpr std::string_view kPackage = "berth.api.";

constexpr KindRules kRules[] = {
    {"core.v1.Pod", NameRule::kSubdomain, Scope::kNamespaced, CheckPod, CheckPodUpdate},
    {"core.v1.Service", NameRule::k1035Label, Scope::kNamespaced, internal::CheckService,
     internal::CheckServiceUpdate},
    {"core.v1.Endpoints", NameRule::kSubdomain, Scope::kNamespaced, internal::CheckEndpoints},
    {"discovery.v1.EndpointSlice", NameRule::kSubdomain, Scope::kNamespaced,
     internal::CheckEndpointSlice, internal::CheckEndpointSliceUpdate},
    {"apps.v1.Deployment", NameRule::kSubdomain, Scope::kNamespaced, internal::CheckDeployment,
     internal::CheckDeploymentUpdate},
    {"apps.v1.ReplicaSet", NameRule::kSubdomain, Scope::kNamespaced, internal::CheckReplicaSet,
     internal::CheckReplicaSetUpdate},
    {"apps.v1.DaemonSet", NameRule::kSubdomain, Scope::kNamespaced, internal::CheckDaemonSet,
     internal::CheckDaemonSetUpdate},
    {"apps.v1.StatefulSet", NameRule::kLabel, Scope::kNamespaced, internal::CheckStatefulSet,
     internal::CheckStatefulSetUpdate},
    {"batch.v1.Job", NameRule::kSubdomain, Scope::kNamespaced, internal::CheckJob,
     internal::CheckJobUpdate},
    {"policy.v1.PodDisruptionBudget", NameRule::kSubdomain, Scope::kNamespaced,
     internal::CheckPodDisruptionBudget},
    {"core.v1.ConfigMap", NameRule::kSubdomain, Scope::kNamespaced, internal::CheckConfigMap,
     internal::CheckConfigMapUpdate},
    {"core.v1.Secret", NameRule::kSubdomain, Scope::kNamespaced, internal::CheckSecret,
     internal::CheckSecretUpdate},
    {"core.v1.ServiceAccount", NameRule::kSubdomain, Scope::kNamespaced},
    {"core.v1.Namespace", NameRule::kLabel, Scope::kCluster, internal::CheckNamespace},
    {"core.v1.Node", NameRule::kSubdomain, Scope::kCluster, internal::CheckNode,
     internal::CheckNodeUpdate},
    {"core.v1.Event", NameRule::kSubdomain, Scope::kNamespaced, internal::CheckEvent},
    {"coordination.v1.Lease", NameRule::kSubdomain, Scope::kNamespaced, internal::CheckLease},
    {"certificates.v1.CertificateSigningRequest", NameRule::kPathSegment, Scope::kCluster,
     internal::CheckSigningRequest, internal::CheckSigningRequestUpdate},
    {"core.v1.Binding", NameRule::kSubdomain, Scope::kUnknown, internal::CheckBinding},
};

const KindRules& RulesOf(const Message& object) {
  static constexpr KindRules kNone{};
  std::string_view type = object.GetDescriptor()->full_name();
  if (!type.starts_with(kPackage)) return kNone;
  type.remove_prefix(kPackage.size());
  for (const KindRules& rules : kRules) {
    if (rules.type == type) return rules;
  }
  return kNone;
}

void Check(const Message& object, const KindRules& rules, Findings& findings) {
  if (const meta::v1::ObjectMeta* meta = MetaOf(object)) {
    internal::CheckMeta(*meta, rules.name, rules.scope, findings);
  }
  if (rules.check != nullptr) rules.check(object, findings);
}

}  // namespace

std::vector<FieldError> Validate(const Message& object) {
  Findings findings;
  Check(object, RulesOf(object), findings);
  return std::move(findings).Take();
}

std::vector<FieldError> ValidateUpdate(const Message& object, const Message& old) {
  Findings findings;
  const KindRules& rules = RulesOf(object);
  const meta::v1::ObjectMeta* meta = MetaOf(object);
  const meta::v1::ObjectMeta* old_meta = MetaOf(old);
  if (meta != nullptr && old_meta != nullptr) {
    internal::CheckMetaUpdate(*meta, *old_meta, findings);
  }
  Check(object, rules, findings);
  if (rules.check_update != nullptr && object.GetDescriptor() == old.GetDescriptor()) {
    rules.check_update(object, old, findings);
  }
  return std::move(findings).Take();
}

std::vector<FieldError> ValidateEphemeralContainers(const Message& pod, const Message& old) {
  Findings findings;
  Check(pod, RulesOf(pod), findings);
  internal::CheckEphemeralContainersUpdate(static_cast<const core::v1::Pod&>(pod),
                                           static_cast<const core::v1::Pod&>(old), findings);
  return std::move(findings).Take();
}

}  // namespace berth::api
