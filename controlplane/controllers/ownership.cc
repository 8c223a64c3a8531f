// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/ownership.h"

#include <nlohmann/json.hpp>

#include "api/proto/meta/v1/object_meta.pb.h"

namespace berth::controlplane {

using api::meta::v1::ObjectMeta;
using api::meta::v1::OwnerReference;

const OwnerReference* ControllerOf(const ObjectMeta& meta) {
  for (const OwnerReference& owner : meta.owner_references()) {
    if (owner.controller()) return &owner;
  }
  return nullptr;
}

std::string_view ControllerUid(const ObjectMeta& meta) {
  const OwnerReference* owner = ControllerOf(meta);
  return owner == nullptr ? std::string_view() : std::string_view(owner->uid());
}

void AddControllerRef(const api::Message& owner, ObjectMeta& dependent) {
  const api::GroupVersionKind kind = api::KindOf(owner);
  const ObjectMeta& meta = *api::MetaOf(owner);
  OwnerReference& reference = *dependent.add_owner_references();
  reference.set_api_version(kind.ApiVersion());
  reference.set_kind(kind.kind);
  reference.set_name(meta.name());
  reference.set_uid(meta.uid());
  reference.set_controller(true);
  reference.set_block_owner_deletion(true);
}

Claim DecideClaim(const ObjectMeta& owner, const ObjectMeta& object, bool selected) {
  const std::string_view controller = ControllerUid(object);
  if (controller == owner.uid()) {
    if (selected) return Claim::kOwned;
    return owner.has_deletion_timestamp() ? Claim::kNone : Claim::kRelease;
  }
  if (!controller.empty() || !selected) return Claim::kNone;
  if (owner.has_deletion_timestamp() || object.has_deletion_timestamp()) return Claim::kNone;
  return Claim::kAdopt;
}

std::string AdoptPatch(const api::Message& owner, const ObjectMeta& object) {
  const api::GroupVersionKind kind = api::KindOf(owner);
  const ObjectMeta& meta = *api::MetaOf(owner);
  const nlohmann::json reference = {{"apiVersion", kind.ApiVersion()},
                                    {"kind", kind.kind},
                                    {"name", meta.name()},
                                    {"uid", meta.uid()},
                                    {"controller", true},
                                    {"blockOwnerDeletion", true}};
  return nlohmann::json{
      {"metadata",
       {{"uid", object.uid()}, {"ownerReferences", nlohmann::json::array({reference})}}}}
      .dump();
}

std::string ReleasePatch(std::string_view owner_uid, const ObjectMeta& object) {
  const nlohmann::json drop = {{"$patch", "delete"}, {"uid", owner_uid}};
  return nlohmann::json{
      {"metadata", {{"uid", object.uid()}, {"ownerReferences", nlohmann::json::array({drop})}}}}
      .dump();
}

}  // namespace berth::controlplane
