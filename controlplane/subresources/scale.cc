// SPDX-License-Identifier: Apache-2.0
// The scale subresource: one number of a workload, in a form that is the same for all of them.
#include <algorithm>

#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/autoscaling/v1/autoscaling.pb.h"
#include "api/selector.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/apiserver/write_handler.h"
#include "controlplane/subresources/subresources.h"

namespace berth::controlplane {
namespace {

using api::autoscaling::v1::Scale;

template <class T>
Scale ScaleOf(const T& object) {
  Scale scale;
  auto& meta = *scale.mutable_metadata();
  meta.set_name(object.metadata().name());
  meta.set_namespace_(object.metadata().namespace_());
  meta.set_uid(object.metadata().uid());
  meta.set_resource_version(object.metadata().resource_version());
  *meta.mutable_creation_timestamp() = object.metadata().creation_timestamp();
  scale.mutable_spec()->set_replicas(object.spec().replicas());
  scale.mutable_status()->set_replicas(object.status().replicas());
  if (const auto selector = api::LabelSelector::Of(object.spec().selector()); selector.ok()) {
    scale.mutable_status()->set_selector(selector->ToString());
  }
  return scale;
}

absl::Status CheckScale(const Scale& scale) {
  if (scale.spec().replicas() >= 0) return absl::OkStatus();
  return InvalidError({"autoscaling", "scales", "Scale", scale.metadata().name()},
                      {{"FieldValueInvalid",
                        base::StrCat("Invalid value: ", scale.spec().replicas(),
                                     ": must be greater than or equal to 0"),
                        "spec.replicas"}});
}

template <class T>
absl::Status ServeScale(Registry& registry, RequestScope& scope) {
  const RequestInfo& info = scope.info;
  if (info.verb == "get") {
    ASSIGN_OR_RETURN(const CachedObject found,
                     registry.cache().Get(*scope.resource, info.namespace_, info.name));
    scope.RespondPlain(200, ScaleOf(static_cast<const T&>(*found.object)));
    return absl::OkStatus();
  }
  Scale wanted;
  if (info.verb == "update") RETURN_IF_ERROR(scope.Decode(wanted));
  ASSIGN_OR_RETURN(const ObjectPtr scaled,
                   registry.Modify(scope.Context(), *scope.resource, info.namespace_, info.name,
                                   Part::kMain, [&](api::Message& message) -> absl::Status {
                                     T& object = static_cast<T&>(message);
                                     Scale scale = wanted;
                                     if (info.verb == "patch") {
                                       scale = ScaleOf(object);
                                       RETURN_IF_ERROR(ApplyRequestPatch(scope, scale));
                                     }
                                     RETURN_IF_ERROR(CheckScale(scale));
                                     if (const auto& version = scale.metadata().resource_version();
                                         !version.empty()) {
                                       object.mutable_metadata()->set_resource_version(version);
                                     }
                                     object.mutable_spec()->set_replicas(scale.spec().replicas());
                                     return absl::OkStatus();
                                   }));
  scope.RespondPlain(200, ScaleOf(static_cast<const T&>(*scaled)));
  return absl::OkStatus();
}

template <class T>
ScopeHandler Handler(Registry& registry) {
  return [&registry](RequestScope& scope) { return ServeScale<T>(registry, scope); };
}

}  // namespace

void AddScale(Registry& registry, SubresourceTable& table) {
  table["apps/deployments/scale"] = Handler<api::apps::v1::Deployment>(registry);
  table["apps/replicasets/scale"] = Handler<api::apps::v1::ReplicaSet>(registry);
  table["apps/statefulsets/scale"] = Handler<api::apps::v1::StatefulSet>(registry);
}

}  // namespace berth::controlplane
