// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/registry.h"

#include <google/protobuf/message.h>

#include "api/codec.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "api/proto/special.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/field_managers.h"
#include "controlplane/apiserver/object_path.h"
#include "controlplane/apiserver/object_rules.h"
#include "controlplane/apiserver/random_names.h"

namespace berth::controlplane {
namespace {

using api::meta::v1::ObjectMeta;
using base::StrCat;

constexpr int kAttempts = 8;  // of a write that others keep overtaking

std::string Stored(const api::Message& object) {
  std::unique_ptr<api::Message> copy(object.New());
  copy->CopyFrom(object);
  ObjectMeta* meta = api::MutableMetaOf(*copy);
  meta->clear_resource_version();
  meta->clear_self_link();
  return api::EncodeProto(*copy);
}

std::unique_ptr<api::Message> Copy(const api::Message& object) {
  std::unique_ptr<api::Message> copy(object.New());
  copy->CopyFrom(object);
  return copy;
}

ObjectPtr AtRevision(std::unique_ptr<api::Message> object, int64_t revision) {
  ObjectMeta* meta = api::MutableMetaOf(*object);
  if (revision > 0) meta->set_resource_version(StrCat(revision));
  return object;
}

absl::Status Track(const WriteContext& context, const api::Message& old, api::Message& next) {
  const absl::Status tracked =
      TrackUpdate({context.field_manager, context.subresource}, context.now, old, next);
  return absl::IsInvalidArgument(tracked) ? BadRequestError(base::Message(tracked)) : tracked;
}

}  // namespace

Registry::Registry(Store& store, ObjectCache& cache, base::Clock& clock)
    : store_(store), cache_(cache), clock_(clock), plain_(std::make_unique<Strategy>()) {}
Registry::~Registry() = default;

void Registry::SetStrategy(std::string_view group, std::string_view plural,
                           std::unique_ptr<Strategy> strategy) {
  strategies_[StrCat(group, "/", plural)] = std::move(strategy);
}

Strategy& Registry::StrategyOf(const ResourceDescriptor& resource) const {
  const auto found = strategies_.find(StrCat(resource.group, "/", resource.plural));
  return found == strategies_.end() ? *plain_ : *found->second;
}

absl::Status Registry::CheckNamespace(const ResourceDescriptor& resource,
                                      std::string_view namespace_) const {
  if (!resource.namespaced) return absl::OkStatus();
  const ResourceDescriptor& namespaces = *FindResource("", "v1", "namespaces");
  ASSIGN_OR_RETURN(const CachedObject found, cache_.Get(namespaces, "", namespace_));
  if (api::MetaOf(*found.object)->has_deletion_timestamp()) {
    return ForbiddenError(resource.Subject(""),
                          StrCat("unable to create new content in namespace ", namespace_,
                                 " because it is being terminated"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ObjectPtr> Registry::Create(const WriteContext& context,
                                           const ResourceDescriptor& resource,
                                           std::string_view namespace_, Object object) {
  ObjectMeta& meta = *api::MutableMetaOf(*object);
  if (resource.namespaced) {
    if (!meta.namespace_().empty() && meta.namespace_() != namespace_) {
      return BadRequestError(
          "the namespace of the provided object does not match the namespace sent on the request");
    }
    meta.set_namespace_(std::string(namespace_));
  } else {
    meta.clear_namespace_();
  }
  if (!meta.resource_version().empty()) {
    return BadRequestError("resourceVersion should not be set on objects to be created");
  }
  const bool generated = meta.name().empty() && !meta.generate_name().empty();
  if (generated) meta.set_name(StrCat(meta.generate_name(), RandomSuffix(5)));
  RETURN_IF_ERROR(CheckNamespace(resource, namespace_));
  meta.set_uid(NewUid());
  meta.mutable_creation_timestamp()->set_seconds(absl::ToUnixSeconds(context.now));
  meta.clear_deletion_timestamp();
  meta.clear_deletion_grace_period_seconds();
  if (!context.applies) meta.clear_managed_fields();
  meta.set_generation(resource.has_generation ? 1 : 0);
  if (!resource.has_generation) meta.clear_generation();
  if (resource.has_status && !resource.creates_status) ClearMember(*object, "status");
  Strategy& strategy = StrategyOf(resource);
  ApplyCreateDefaults(*object);
  RETURN_IF_ERROR(strategy.PrepareForCreate(context, *object));
  RETURN_IF_ERROR(ValidateCreate(resource, *object));
  if (context.dry_run) {
    if (cache_.Get(resource, namespace_, meta.name()).ok()) {
      return AlreadyExistsError(resource.Subject(meta.name()));
    }
    RETURN_IF_ERROR(strategy.Allocate(context, nullptr, *object));
    return AtRevision(std::move(object), 0);
  }
  RETURN_IF_ERROR(strategy.Allocate(context, nullptr, *object));
  const auto revision = store_.Create(resource.Key(namespace_, meta.name()), Stored(*object));
  if (!revision.ok()) {
    strategy.Release(*object);
    if (absl::IsAlreadyExists(revision.status())) {
      return AlreadyExistsError(resource.Subject(meta.name()));
    }
    return InternalError(base::Message(revision.status()));
  }
  return AtRevision(std::move(object), *revision);
}

absl::StatusOr<ObjectPtr> Registry::Update(const WriteContext& context,
                                           const ResourceDescriptor& resource,
                                           std::string_view namespace_, std::string_view name,
                                           Part part, Object object) {
  if (part == Part::kMain && resource.create_on_update &&
      absl::IsNotFound(cache_.Get(resource, namespace_, name).status())) {
    api::MutableMetaOf(*object)->clear_resource_version();
    api::MutableMetaOf(*object)->set_name(std::string(name));
    return Create(context, resource, namespace_, std::move(object));
  }
  return Modify(context, resource, namespace_, name, part, [&object](api::Message& stored) {
    // Without a resourceVersion the write is unconditional.
    const std::string version = api::MetaOf(stored)->resource_version();
    stored.CopyFrom(*object);
    ObjectMeta* meta = api::MutableMetaOf(stored);
    if (meta->resource_version().empty()) meta->set_resource_version(version);
    return absl::OkStatus();
  });
}

absl::StatusOr<ObjectPtr> Registry::Modify(const WriteContext& context,
                                           const ResourceDescriptor& resource,
                                           std::string_view namespace_, std::string_view name,
                                           Part part, const Change& change) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    ASSIGN_OR_RETURN(const CachedObject current, cache_.Get(resource, namespace_, name));
    bool raced = false;
    absl::StatusOr<ObjectPtr> result =
        TryModify(context, resource, current, name, part, change, raced);
    if (!raced) return result;
  }
  return ModifiedError(resource.Subject(name));
}

absl::StatusOr<ObjectPtr> Registry::TryModify(const WriteContext& context,
                                              const ResourceDescriptor& resource,
                                              const CachedObject& current, std::string_view name,
                                              Part part, const Change& change, bool& raced) {
  const api::Message& old = *current.object;
  const ObjectMeta& old_meta = *api::MetaOf(old);
  Object next = Copy(old);
  RETURN_IF_ERROR(change(*next));
  const auto managed_fields = api::MetaOf(*next)->managed_fields();
  RETURN_IF_ERROR(KeepSystemFields(resource, old, part, *next));
  *api::MutableMetaOf(*next)->mutable_managed_fields() = managed_fields;
  Strategy& strategy = StrategyOf(resource);
  if (part != Part::kStatus) ApplyDefaults(*next);
  if (part == Part::kMain) RETURN_IF_ERROR(strategy.PrepareForUpdate(context, old, *next));
  if (resource.has_generation && part != Part::kStatus && SpecChanged(old, *next)) {
    api::MutableMetaOf(*next)->set_generation(old_meta.generation() + 1);
  }
  if (!context.applies) RETURN_IF_ERROR(Track(context, old, *next));
  // What only the server itself writes as a whole (a binding) is no change by a client.
  if (part != Part::kWhole) RETURN_IF_ERROR(ValidateUpdate(resource, old, *next));
  // An object that was only held by its finalizers goes with the last of them.
  const bool goes = old_meta.has_deletion_timestamp() && api::MetaOf(*next)->finalizers().empty() &&
                    !strategy.Held(*next) &&
                    (!old_meta.finalizers().empty() || strategy.Held(old)) &&
                    old_meta.deletion_grace_period_seconds() == 0;
  if (!goes && Stored(old) == Stored(*next)) return current.object;
  if (context.dry_run) return AtRevision(std::move(next), current.revision);
  const std::string key = resource.Key(old_meta.namespace_(), name);
  absl::StatusOr<int64_t> revision = current.revision;
  if (goes) {
    revision = store_.Delete(key, current.revision);
    if (revision.ok()) strategy.Release(old);
  } else {
    RETURN_IF_ERROR(strategy.Allocate(context, &old, *next));
    revision = store_.Update(key, Stored(*next), current.revision);
    if (revision.ok()) {
      strategy.Updated(old, *next);
    } else {
      strategy.Updated(*next, old);
    }
  }
  if (absl::IsAborted(revision.status()) || absl::IsNotFound(revision.status())) {
    raced = true;
    return revision.status();
  }
  if (!revision.ok()) return InternalError(base::Message(revision.status()));
  return AtRevision(std::move(next), *revision);
}

absl::StatusOr<Deleted> Registry::Delete(const WriteContext& context,
                                         const ResourceDescriptor& resource,
                                         std::string_view namespace_, std::string_view name,
                                         const DeleteRequest& request) {
  Strategy& strategy = StrategyOf(resource);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    ASSIGN_OR_RETURN(const CachedObject current, cache_.Get(resource, namespace_, name));
    RETURN_IF_ERROR(CheckPreconditions(resource, *current.object, request));
    RETURN_IF_ERROR(strategy.MayDelete(*current.object));
    Object next = Copy(*current.object);
    MarkForDeletion(context, request,
                    strategy.GracePeriod(*current.object, request.grace_period_seconds), *next);
    const ObjectMeta& meta = *api::MetaOf(*next);
    const bool was_marked = api::MetaOf(*current.object)->has_deletion_timestamp();
    if (!was_marked) strategy.MarkDeleted(*next);
    const bool stays = !meta.finalizers().empty() || strategy.Held(*next) ||
                       meta.deletion_grace_period_seconds() > 0;
    if (context.dry_run || request.dry_run) {
      return Deleted{AtRevision(std::move(next), current.revision), !stays};
    }
    if (stays && Stored(*next) == Stored(*current.object)) return Deleted{current.object, false};
    const std::string key = resource.Key(meta.namespace_(), name);
    const absl::StatusOr<int64_t> revision =
        stays ? store_.Update(key, Stored(*next), current.revision)
              : store_.Delete(key, current.revision);
    if (revision.ok()) {
      if (!stays) strategy.Release(*current.object);
      return Deleted{AtRevision(std::move(next), *revision), !stays};
    }
    if (!absl::IsAborted(revision.status()) && !absl::IsNotFound(revision.status())) {
      return InternalError(base::Message(revision.status()));
    }
  }
  return ModifiedError(resource.Subject(name));
}

}  // namespace berth::controlplane
