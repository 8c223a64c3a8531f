// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/object_rules.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>

#include "api/defaults.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "api/proto/special.pb.h"
#include "api/validation.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/object_path.h"

namespace berth::controlplane {
namespace {

using api::meta::v1::ObjectMeta;
using base::StrCat;

constexpr std::string_view kOrphan = "orphan";
constexpr std::string_view kForeground = "foregroundDeletion";

absl::Status Refuse(const ResourceDescriptor& resource, const api::Message& object,
                    const std::vector<api::FieldError>& errors) {
  if (errors.empty()) return absl::OkStatus();
  std::vector<ErrorCause> causes;
  for (const api::FieldError& error : errors) {
    causes.push_back({std::string(error.Reason()), error.Message(), error.path});
  }
  return InvalidError(resource.Subject(api::MetaOf(object)->name()), causes);
}

void SetFinalizer(ObjectMeta& meta, std::string_view name, bool wanted) {
  auto& all = *meta.mutable_finalizers();
  const auto found = std::find(all.begin(), all.end(), name);
  if (wanted && found == all.end()) {
    all.Add(std::string(name));
  } else if (!wanted && found != all.end()) {
    all.erase(found);
  }
}

}  // namespace

void ApplyDefaults(api::Message& object) { api::ApplyDefaults(object); }
void ApplyCreateDefaults(api::Message& object) { api::ApplyCreateDefaults(object); }

absl::Status ValidateCreate(const ResourceDescriptor& resource, const api::Message& object) {
  return Refuse(resource, object, api::Validate(object));
}

absl::Status ValidateUpdate(const ResourceDescriptor& resource, const api::Message& old,
                            const api::Message& object) {
  return Refuse(resource, object, api::ValidateUpdate(object, old));
}

absl::Status ValidateEphemeralContainers(const ResourceDescriptor& pods, const api::Message& old,
                                         const api::Message& pod) {
  return Refuse(pods, pod, api::ValidateEphemeralContainers(pod, old));
}

absl::Status KeepSystemFields(const ResourceDescriptor& resource, const api::Message& old,
                              Part part, api::Message& next) {
  const ObjectMeta& was = *api::MetaOf(old);
  ObjectMeta& meta = *api::MutableMetaOf(next);
  if (meta.name() != was.name() && !meta.name().empty()) {
    return BadRequestError(StrCat("the name of the object (", meta.name(),
                                  ") does not match the name on the URL (", was.name(), ")"));
  }
  if (!meta.namespace_().empty() && meta.namespace_() != was.namespace_()) {
    return BadRequestError(
        "the namespace of the provided object does not match the namespace sent on the request");
  }
  if (!meta.uid().empty() && meta.uid() != was.uid()) {
    return ConflictError(resource.Subject(was.name()),
                         StrCat("Precondition failed: UID in precondition: ", meta.uid(),
                                ", UID in object meta: ", was.uid()));
  }
  if (!meta.resource_version().empty() && meta.resource_version() != was.resource_version()) {
    return ModifiedError(resource.Subject(was.name()));
  }
  if (part == Part::kStatus) {
    // Of everything else only what the stored object says counts.
    std::unique_ptr<api::Message> merged(old.New());
    merged->CopyFrom(old);
    CopyMember(next, *merged, "status");
    next.CopyFrom(*merged);
    return absl::OkStatus();
  }
  meta.set_name(was.name());
  meta.set_namespace_(was.namespace_());
  if (was.namespace_().empty()) meta.clear_namespace_();
  meta.set_uid(was.uid());
  meta.set_resource_version(was.resource_version());
  *meta.mutable_creation_timestamp() = was.creation_timestamp();
  meta.clear_generation();
  if (was.has_generation()) meta.set_generation(was.generation());
  meta.clear_generate_name();
  if (was.has_generate_name()) meta.set_generate_name(was.generate_name());
  meta.clear_deletion_timestamp();
  meta.clear_deletion_grace_period_seconds();
  if (was.has_deletion_timestamp()) {
    *meta.mutable_deletion_timestamp() = was.deletion_timestamp();
    meta.set_deletion_grace_period_seconds(was.deletion_grace_period_seconds());
  }
  if (part == Part::kMain && resource.has_status) CopyMember(old, next, "status");
  return absl::OkStatus();
}

bool SpecChanged(const api::Message& old, const api::Message& next) {
  std::unique_ptr<api::Message> a(old.New());
  std::unique_ptr<api::Message> b(old.New());
  a->CopyFrom(old);
  b->CopyFrom(next);
  for (api::Message* object : {a.get(), b.get()}) {
    for (const char* member : {"metadata", "status"}) {
      if (const auto* field = object->GetDescriptor()->FindFieldByName(member)) {
        object->GetReflection()->ClearField(object, field);
      }
    }
  }
  return Fingerprint(*a) != Fingerprint(*b);
}

absl::Status CheckPreconditions(const ResourceDescriptor& resource, const api::Message& object,
                                const DeleteRequest& request) {
  const ObjectMeta& meta = *api::MetaOf(object);
  if (!request.uid.empty() && request.uid != meta.uid()) {
    return ConflictError(resource.Subject(meta.name()),
                         StrCat("Precondition failed: UID in precondition: ", request.uid,
                                ", UID in object meta: ", meta.uid()));
  }
  if (!request.resource_version.empty() && request.resource_version != meta.resource_version()) {
    return ConflictError(
        resource.Subject(meta.name()),
        StrCat("Precondition failed: ResourceVersion in precondition: ", request.resource_version,
               ", ResourceVersion in object meta: ", meta.resource_version()));
  }
  return absl::OkStatus();
}

void MarkForDeletion(const WriteContext& context, const DeleteRequest& request,
                     std::optional<int64_t> grace_period, api::Message& object) {
  ObjectMeta& meta = *api::MutableMetaOf(object);
  int64_t grace = grace_period.value_or(0);
  if (meta.has_deletion_timestamp()) {
    if (grace >= meta.deletion_grace_period_seconds()) return;
  } else {
    if (request.propagation_policy == "Orphan") SetFinalizer(meta, kOrphan, true);
    if (request.propagation_policy == "Foreground") SetFinalizer(meta, kForeground, true);
    if (request.propagation_policy == "Background") {
      SetFinalizer(meta, kOrphan, false);
      SetFinalizer(meta, kForeground, false);
    }
    if (meta.generation() > 0) meta.set_generation(meta.generation() + 1);
  }
  meta.mutable_deletion_timestamp()->set_seconds(absl::ToUnixSeconds(context.now) + grace);
  meta.set_deletion_grace_period_seconds(grace);
}

}  // namespace berth::controlplane
