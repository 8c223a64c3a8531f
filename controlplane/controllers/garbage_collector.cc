// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/garbage_collector.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/proto/meta/v1/object_meta.pb.h"
#include "base/log.h"
#include "base/status.h"

namespace berth::controlplane {
namespace {

using nlohmann::json;

absl::Status IgnoreGone(absl::Status status) {
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

std::string WithoutOwners(const OwnedObject& object, const std::vector<std::string>& uids) {
  json references = json::array();
  for (const std::string& uid : uids) references.push_back({{"$patch", "delete"}, {"uid", uid}});
  return json{{"metadata", {{"uid", object.uid}, {"ownerReferences", references}}}}.dump();
}

}  // namespace

GarbageCollector::GarbageCollector(Context& context)
    : context_(context),
      queue_(context, "garbagecollector", [this](const std::string& uid) { return Sync(uid); }) {
  Informers& informers = context_.informers;
  for (const Informers::Watched& watched : informers.all()) {
    const std::string plural(watched.resource.plural);
    resources_.emplace(plural, watched.resource);
    informers.OnChange(
        *watched.informer, [this, plural](const std::string&, const Informers::Snapshot& before,
                                          const Informers::Snapshot& after) {
          std::vector<std::string> look;
          if (before != nullptr &&
              (after == nullptr || api::MetaOf(*after)->uid() != api::MetaOf(*before)->uid())) {
            look = graph_.Remove(api::MetaOf(*before)->uid());
          }
          if (after != nullptr) {
            OwnedObject object = OwnedObjectOf(plural, *api::MetaOf(*after));
            const bool of_interest = !object.owners.empty() || object.deleting;
            std::vector<std::string> more = graph_.Set(std::move(object));
            if (of_interest) look.insert(look.end(), more.begin(), more.end());
          }
          for (const std::string& uid : look) queue_.Add(uid);
        });
  }
}

void GarbageCollector::Begin() {
  for (const Informers::Watched& watched : context_.informers.all()) {
    for (const auto& object : watched.informer->ListAny()) {
      const auto& meta = *api::MetaOf(*object);
      if (meta.owner_references_size() > 0 || meta.has_deletion_timestamp()) queue_.Add(meta.uid());
    }
  }
}

absl::Status GarbageCollector::Sync(const std::string& uid) {
  const auto object = graph_.Find(uid);
  if (!object.has_value()) return absl::OkStatus();
  std::vector<OwnerState> owners;
  if (!object->deleting) {
    for (const OwnerRef& owner : object->owners) {
      ASSIGN_OR_RETURN(const OwnerState state, StateOf(*object, owner), "owner of ", object->name);
      owners.push_back(state);
    }
  }
  return Carry(*object, PlanCollection(*object, owners, graph_.Dependents(uid)));
}

absl::StatusOr<OwnerState> GarbageCollector::StateOf(const OwnedObject& object,
                                                     const OwnerRef& owner) {
  if (const auto known = graph_.Find(owner.uid); known.has_value()) {
    return known->deleting && known->foreground ? OwnerState::kWaiting : OwnerState::kSolid;
  }
  ASSIGN_OR_RETURN(const bool exists, Exists(object, owner));
  return exists ? OwnerState::kSolid : OwnerState::kAbsent;
}

absl::StatusOr<bool> GarbageCollector::Exists(const OwnedObject& object, const OwnerRef& owner) {
  ASSIGN_OR_RETURN(const std::optional<DiscoveredResource> resource, Resource(owner));
  // A kind that is not served here is somebody else's business.
  if (!resource.has_value()) return true;
  const auto there = api::NewObject(api::GroupVersionKind::From(owner.api_version, owner.kind));
  if (there == nullptr) return true;
  const absl::Status status = context_.api.Get(
      resource->Resource(), resource->namespaced ? object.namespace_ : "", owner.name, *there);
  if (absl::IsNotFound(status)) return false;
  RETURN_IF_ERROR(status);
  return api::MetaOf(*there)->uid() == owner.uid;
}

absl::StatusOr<std::optional<DiscoveredResource>> GarbageCollector::Resource(
    const OwnerRef& owner) {
  const auto wanted = api::GroupVersionKind::From(owner.api_version, owner.kind);
  const auto find = [&](const std::vector<DiscoveredResource>& all) {
    const auto it = std::find_if(all.begin(), all.end(), [&](const DiscoveredResource& r) {
      return r.group == wanted.group && r.version == wanted.version && r.kind == wanted.kind;
    });
    return it == all.end() ? std::optional<DiscoveredResource>() : *it;
  };
  {
    base::MutexLock l(mu_);
    if (!discovered_.empty()) return find(discovered_);
  }
  ASSIGN_OR_RETURN(std::vector<DiscoveredResource> all, Discover(context_.api));
  base::MutexLock l(mu_);
  discovered_ = std::move(all);
  return find(discovered_);
}

absl::Status GarbageCollector::Carry(const OwnedObject& object, const CollectPlan& plan) {
  using Act = CollectPlan::Act;
  switch (plan.act) {
    case Act::kNothing:
      return absl::OkStatus();
    case Act::kDropOwners:
      return DropOwners(object, plan.drop);
    case Act::kDelete:
      BERTH_INFO("collecting", {"resource", object.resource}, {"namespace", object.namespace_},
                 {"name", object.name}, {"policy", plan.policy});
      return IgnoreGone(
          context_.api.Delete(resources_.at(object.resource), object.namespace_, object.name,
                              {.uid = object.uid, .propagation_policy = plan.policy}));
    case Act::kAskDependents:
      for (const OwnedObject& dependent : graph_.Dependents(object.uid)) {
        if (!dependent.deleting) queue_.Add(dependent.uid);
      }
      return absl::OkStatus();
    case Act::kReleaseOwner:
      return RemoveFinalizer(object, "foregroundDeletion");
    case Act::kOrphan:
      return Orphan(object);
  }
  return absl::OkStatus();
}

absl::Status GarbageCollector::DropOwners(const OwnedObject& object,
                                          const std::vector<std::string>& uids) {
  return IgnoreGone(context_.api.Patch(resources_.at(object.resource), object.namespace_,
                                       object.name, "", client::PatchType::kStrategicMerge,
                                       WithoutOwners(object, uids), nullptr));
}

absl::Status GarbageCollector::Orphan(const OwnedObject& object) {
  for (const OwnedObject& dependent : graph_.Dependents(object.uid)) {
    RETURN_IF_ERROR(DropOwners(dependent, {object.uid}), "orphaning ", dependent.name);
  }
  return RemoveFinalizer(object, "orphan");
}

absl::Status GarbageCollector::RemoveFinalizer(const OwnedObject& object,
                                               std::string_view finalizer) {
  // A merge patch with the version read: two who take off finalizers at once must not put one back.
  const client::Resource& resource = resources_.at(object.resource);
  for (const Informers::Watched& watched : context_.informers.all()) {
    if (watched.resource.plural != resource.plural) continue;
    const auto snapshot = watched.informer->GetAny(api::KeyOf(object.namespace_, object.name));
    if (snapshot == nullptr || api::MetaOf(*snapshot)->uid() != object.uid) return absl::OkStatus();
    const auto& meta = *api::MetaOf(*snapshot);
    json left = json::array();
    for (const std::string& name : meta.finalizers()) {
      if (name != finalizer) left.push_back(name);
    }
    const json patch = {{"metadata",
                         {{"uid", object.uid},
                          {"resourceVersion", meta.resource_version()},
                          {"finalizers", left}}}};
    return IgnoreGone(context_.api.Patch(resource, object.namespace_, object.name, "",
                                         client::PatchType::kMerge, patch.dump(), nullptr));
  }
  return absl::OkStatus();
}

}  // namespace berth::controlplane
