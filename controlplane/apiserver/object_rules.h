// SPDX-License-Identifier: Apache-2.0
// What holds for objects of every kind: which fields the server owns, how deletion is marked, and
// the way to defaults and validation. Pure.
#ifndef BERTH_CONTROLPLANE_APISERVER_OBJECT_RULES_H_
#define BERTH_CONTROLPLANE_APISERVER_OBJECT_RULES_H_

#include <optional>

#include "absl/status/status.h"
#include "api/object.h"
#include "controlplane/apiserver/registry.h"
#include "controlplane/apiserver/resource_descriptor.h"

namespace berth::controlplane {

void ApplyDefaults(api::Message& object);
void ApplyCreateDefaults(api::Message& object);
// 422 with every complaint.
absl::Status ValidateCreate(const ResourceDescriptor& resource, const api::Message& object);
absl::Status ValidateUpdate(const ResourceDescriptor& resource, const api::Message& old,
                            const api::Message& object);
absl::Status ValidateEphemeralContainers(const ResourceDescriptor& pods, const api::Message& old,
                                         const api::Message& pod);

// Puts back into `next` what a client may not change with a write of `part`. Conflict when `next`
// is based on another resourceVersion or uid than `old` has.
absl::Status KeepSystemFields(const ResourceDescriptor& resource, const api::Message& old,
                              Part part, api::Message& next);
// True when anything beside metadata and status differs.
bool SpecChanged(const api::Message& old, const api::Message& next);

absl::Status CheckPreconditions(const ResourceDescriptor& resource, const api::Message& object,
                                const DeleteRequest& request);
// Sets deletionTimestamp, grace period and the finalizers that the propagation policy asks for. A
// second deletion may only shorten the grace period.
void MarkForDeletion(const WriteContext& context, const DeleteRequest& request,
                     std::optional<int64_t> grace_period, api::Message& object);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_OBJECT_RULES_H_
