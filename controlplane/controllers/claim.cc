// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/claim.h"

#include "api/proto/meta/v1/object_meta.pb.h"
#include "api/selector.h"
#include "base/log.h"
#include "base/status.h"
#include "controlplane/controllers/ownership.h"

namespace berth::controlplane {
namespace {

using api::meta::v1::ObjectMeta;

// The informer may not know yet that the owner is being deleted, and an adopted object would then
// be left without an owner: asks the API server.
absl::Status CheckAlive(client::ApiClient& api, const client::Resource& resource,
                        const api::Message& owner) {
  const ObjectMeta& meta = *api::MetaOf(owner);
  std::unique_ptr<api::Message> live(owner.New());
  RETURN_IF_ERROR(api.Get(resource, meta.namespace_(), meta.name(), *live));
  const ObjectMeta& now = *api::MetaOf(*live);
  if (now.uid() != meta.uid() || now.has_deletion_timestamp()) {
    return base::FailedPrecondition("the owner ", meta.name(), " is being deleted");
  }
  return absl::OkStatus();
}

bool IsGone(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsInvalidArgument(status);
}

}  // namespace

absl::StatusOr<std::vector<Index::Snapshot>> ClaimAny(
    Context& context, const client::Resource& owner_resource, const api::Message& owner,
    const api::meta::v1::LabelSelector& selector, const client::Resource& resource,
    const Index& index, const std::function<bool(const api::Message&)>& adoptable) {
  const ObjectMeta& owner_meta = *api::MetaOf(owner);
  ASSIGN_OR_RETURN(const api::LabelSelector matcher, api::LabelSelector::Of(selector));
  std::vector<Index::Snapshot> candidates = index.FindAny(OwnedTerm(owner_meta.uid()));
  for (auto& orphan : index.FindAny(OrphanTerm(owner_meta.namespace_()))) {
    candidates.push_back(std::move(orphan));
  }
  std::vector<Index::Snapshot> owned;
  bool alive = false;
  for (Index::Snapshot& object : candidates) {
    const ObjectMeta& meta = *api::MetaOf(*object);
    const bool selected = !matcher.MatchesEverything() && matcher.Matches(meta.labels());
    const Claim claim = DecideClaim(owner_meta, meta, selected);
    if (claim == Claim::kOwned) owned.push_back(std::move(object));
    if (claim == Claim::kRelease) {
      const absl::Status released = context.api.Patch(
          resource, meta.namespace_(), meta.name(), "", client::PatchType::kStrategicMerge,
          ReleasePatch(owner_meta.uid(), meta), nullptr);
      if (!released.ok() && !IsGone(released)) return released;
      BERTH_INFO("released", {"owner", owner_meta.name()}, {"object", api::KeyOf(*object)});
    }
    if (claim != Claim::kAdopt || !adoptable(*object)) continue;
    if (!alive) RETURN_IF_ERROR(CheckAlive(context.api, owner_resource, owner));
    alive = true;
    const absl::Status adopted =
        context.api.Patch(resource, meta.namespace_(), meta.name(), "",
                          client::PatchType::kStrategicMerge, AdoptPatch(owner, meta), nullptr);
    if (absl::IsNotFound(adopted)) continue;
    RETURN_IF_ERROR(adopted, "adopting ", api::KeyOf(*object));
    BERTH_INFO("adopted", {"owner", owner_meta.name()}, {"object", api::KeyOf(*object)});
    owned.push_back(std::move(object));
  }
  return owned;
}

}  // namespace berth::controlplane
