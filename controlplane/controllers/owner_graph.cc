// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/owner_graph.h"

#include <algorithm>

#include "api/proto/meta/v1/object_meta.pb.h"

namespace berth::controlplane {

OwnedObject OwnedObjectOf(std::string_view resource, const api::meta::v1::ObjectMeta& meta) {
  OwnedObject object;
  object.resource = std::string(resource);
  object.namespace_ = meta.namespace_();
  object.name = meta.name();
  object.uid = meta.uid();
  object.resource_version = meta.resource_version();
  for (const auto& owner : meta.owner_references()) {
    object.owners.push_back({owner.api_version(), owner.kind(), owner.name(), owner.uid(),
                             owner.block_owner_deletion()});
  }
  object.deleting = meta.has_deletion_timestamp();
  const auto& finalizers = meta.finalizers();
  const auto has = [&](std::string_view name) {
    return std::find(finalizers.begin(), finalizers.end(), name) != finalizers.end();
  };
  object.foreground = has("foregroundDeletion");
  object.orphaning = has("orphan");
  return object;
}

void OwnerGraph::Unlink(const OwnedObject& object) {
  for (const OwnerRef& owner : object.owners) {
    const auto it = dependents_.find(owner.uid);
    if (it == dependents_.end()) continue;
    it->second.erase(object.uid);
    if (it->second.empty()) dependents_.erase(it);
  }
}

std::vector<std::string> OwnerGraph::Set(OwnedObject object) {
  std::vector<std::string> look = {object.uid};
  base::MutexLock l(mu_);
  // An owner in foreground deletion waits for its dependents to change or go.
  for (const OwnerRef& owner : object.owners) {
    const auto it = objects_.find(owner.uid);
    if (it != objects_.end() && it->second.deleting) look.push_back(owner.uid);
  }
  if (const auto old = objects_.find(object.uid); old != objects_.end()) {
    for (const OwnerRef& owner : old->second.owners) {
      const auto it = objects_.find(owner.uid);
      if (it != objects_.end() && it->second.deleting) look.push_back(owner.uid);
    }
    Unlink(old->second);
  }
  for (const OwnerRef& owner : object.owners) dependents_[owner.uid].insert(object.uid);
  const std::string uid = object.uid;
  objects_.insert_or_assign(uid, std::move(object));
  return look;
}

std::vector<std::string> OwnerGraph::Remove(std::string_view uid) {
  std::vector<std::string> look;
  base::MutexLock l(mu_);
  const auto it = objects_.find(uid);
  if (it == objects_.end()) return look;
  for (const OwnerRef& owner : it->second.owners) look.push_back(owner.uid);
  Unlink(it->second);
  objects_.erase(it);
  if (const auto found = dependents_.find(uid); found != dependents_.end()) {
    look.insert(look.end(), found->second.begin(), found->second.end());
  }
  return look;
}

std::optional<OwnedObject> OwnerGraph::Find(std::string_view uid) const {
  base::MutexLock l(mu_);
  const auto it = objects_.find(uid);
  if (it == objects_.end()) return std::nullopt;
  return it->second;
}

std::vector<OwnedObject> OwnerGraph::Dependents(std::string_view uid) const {
  std::vector<OwnedObject> out;
  base::MutexLock l(mu_);
  const auto found = dependents_.find(uid);
  if (found == dependents_.end()) return out;
  for (const std::string& dependent : found->second) {
    const auto it = objects_.find(dependent);
    if (it != objects_.end()) out.push_back(it->second);
  }
  return out;
}

CollectPlan PlanCollection(const OwnedObject& object, const std::vector<OwnerState>& owners,
                           const std::vector<OwnedObject>& dependents) {
  using Act = CollectPlan::Act;
  if (object.deleting) {
    if (object.orphaning) return {Act::kOrphan, {}, ""};
    if (!object.foreground) return {};
    const bool blocked =
        std::any_of(dependents.begin(), dependents.end(), [&](const OwnedObject& dependent) {
          return std::any_of(
              dependent.owners.begin(), dependent.owners.end(),
              [&](const OwnerRef& owner) { return owner.uid == object.uid && owner.blocks; });
        });
    return {blocked ? Act::kAskDependents : Act::kReleaseOwner, {}, ""};
  }
  bool solid = false, waiting = false;
  std::vector<std::string> drop;
  for (size_t i = 0; i < owners.size(); ++i) {
    if (owners[i] == OwnerState::kSolid) {
      solid = true;
      continue;
    }
    waiting |= owners[i] == OwnerState::kWaiting;
    drop.push_back(object.owners[i].uid);
  }
  if (drop.empty()) return {};
  if (solid) return {Act::kDropOwners, std::move(drop), ""};
  // The owner that waits expects its dependents to wait for theirs.
  if (waiting && !dependents.empty()) return {Act::kDelete, {}, "Foreground"};
  if (object.orphaning) return {Act::kDelete, {}, "Orphan"};
  return {Act::kDelete, {}, object.foreground ? "Foreground" : "Background"};
}

}  // namespace berth::controlplane
