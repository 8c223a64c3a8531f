// SPDX-License-Identifier: Apache-2.0
// pods/ephemeralcontainers: a Pod of which only the ephemeral containers may change, and these may
// only become more.
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/pod_spec.pb.h"
#include "base/status.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/apiserver/object_rules.h"
#include "controlplane/apiserver/write_handler.h"
#include "controlplane/subresources/subresources.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Pod;

const ResourceDescriptor& Pods() { return *FindResource("", "v1", "pods"); }

absl::Status TakeContainers(const Pod& wanted, Pod& pod) {
  const auto& meta = wanted.metadata();
  const bool same_version = meta.resource_version().empty() ||
                            meta.resource_version() == pod.metadata().resource_version();
  const bool same_uid = meta.uid().empty() || meta.uid() == pod.metadata().uid();
  if (!same_version || !same_uid) {
    // The registry refuses these; what else is wrong does not matter then.
    *pod.mutable_metadata() = meta;
    return absl::OkStatus();
  }
  const Pod old = pod;
  *pod.mutable_spec()->mutable_ephemeral_containers() = wanted.spec().ephemeral_containers();
  ApplyDefaults(pod);
  return ValidateEphemeralContainers(Pods(), old, pod);
}

absl::Status Serve(Registry& registry, RequestScope& scope) {
  const RequestInfo& info = scope.info;
  if (info.verb == "get") {
    ASSIGN_OR_RETURN(const CachedObject found,
                     registry.cache().Get(Pods(), info.namespace_, info.name));
    scope.RespondObject(200, *found.object);
    return absl::OkStatus();
  }
  Pod sent;
  if (info.verb == "update") RETURN_IF_ERROR(scope.Decode(sent));
  ASSIGN_OR_RETURN(const ObjectPtr updated,
                   registry.Modify(scope.Context(), Pods(), info.namespace_, info.name,
                                   Part::kWhole, [&](api::Message& object) -> absl::Status {
                                     auto& pod = static_cast<Pod&>(object);
                                     if (info.verb == "update") return TakeContainers(sent, pod);
                                     Pod patched = pod;
                                     RETURN_IF_ERROR(ApplyRequestPatch(scope, patched));
                                     return TakeContainers(patched, pod);
                                   }));
  scope.RespondObject(200, *updated);
  return absl::OkStatus();
}

}  // namespace

void AddEphemeralContainers(Registry& registry, SubresourceTable& table) {
  table["/pods/ephemeralcontainers"] = [&registry](RequestScope& scope) {
    return Serve(registry, scope);
  };
}

}  // namespace berth::controlplane
