// SPDX-License-Identifier: Apache-2.0
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/pod_spec.pb.h"
#include "api/proto/meta/v1/api_machinery.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/subresources/subresources.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Pod;
using base::StrCat;

const ResourceDescriptor& Pods() { return *FindResource("", "v1", "pods"); }

absl::Status Bind(Pod& pod, const api::core::v1::Binding& binding, absl::Time now) {
  const ErrorSubject subject{"", "pods/binding", "", pod.metadata().name()};
  if (pod.metadata().has_deletion_timestamp()) {
    return ConflictError(subject, StrCat("pod ", pod.metadata().name(),
                                         " is being deleted, cannot be assigned to a host"));
  }
  if (!pod.spec().node_name().empty()) {
    return ConflictError(subject,
                         StrCat("pod ", pod.metadata().name(), " is already assigned to node \"",
                                pod.spec().node_name(), "\""));
  }
  if (!binding.metadata().uid().empty() && binding.metadata().uid() != pod.metadata().uid()) {
    return ConflictError(
        subject, StrCat("Precondition failed: UID in precondition: ", binding.metadata().uid(),
                        ", UID in object meta: ", pod.metadata().uid()));
  }
  pod.mutable_spec()->set_node_name(binding.target().name());
  for (const auto& [key, value] : binding.metadata().annotations()) {
    (*pod.mutable_metadata()->mutable_annotations())[key] = value;
  }
  auto& conditions = *pod.mutable_status()->mutable_conditions();
  for (int i = conditions.size() - 1; i >= 0; --i) {
    if (conditions[i].type() == "PodScheduled") conditions.DeleteSubrange(i, 1);
  }
  auto& scheduled = *conditions.Add();
  scheduled.set_type("PodScheduled");
  scheduled.set_status("True");
  scheduled.mutable_last_transition_time()->set_seconds(absl::ToUnixSeconds(now));
  return absl::OkStatus();
}

absl::Status ServeBinding(Registry& registry, RequestScope& scope) {
  api::core::v1::Binding binding;
  RETURN_IF_ERROR(scope.Decode(binding));
  const std::string name = scope.info.name.empty() ? binding.metadata().name() : scope.info.name;
  if (binding.target().name().empty()) {
    return InvalidError({"", "bindings", "Binding", name},
                        {{"FieldValueRequired", "Required value", "target.name"}});
  }
  RETURN_IF_ERROR(registry
                      .Modify(scope.Context(), Pods(), scope.info.namespace_, name, Part::kWhole,
                              [&](api::Message& object) {
                                return Bind(static_cast<Pod&>(object), binding, scope.now);
                              })
                      .status());
  RespondCreated(scope);
  return absl::OkStatus();
}

}  // namespace

void RespondCreated(RequestScope& scope) {
  api::meta::v1::Status status;
  status.mutable_metadata();
  status.set_status("Success");
  status.set_code(201);
  scope.RespondPlain(201, status);
}

void AddPodSubresources(Registry& registry, SubresourceTable& table) {
  table["/pods/binding"] = [&registry](RequestScope& scope) {
    return ServeBinding(registry, scope);
  };
  table["/bindings"] = table["/pods/binding"];
}

}  // namespace berth::controlplane
