// SPDX-License-Identifier: Apache-2.0
// Takes and lets go the objects of a controller, so that its selector and the owner references
// agree: what DecideClaim() says, carried out.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_CLAIM_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_CLAIM_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "client/resource.h"
#include "controlplane/controllers/context.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

// The untyped part. `adoptable` says which orphans are worth having.
absl::StatusOr<std::vector<Index::Snapshot>> ClaimAny(
    Context& context, const client::Resource& owner_resource, const api::Message& owner,
    const api::meta::v1::LabelSelector& selector, const client::Resource& resource,
    const Index& index, const std::function<bool(const api::Message&)>& adoptable);

// Everything of `index` that `owner` controls once this is done.
template <class T>
absl::StatusOr<std::vector<std::shared_ptr<const T>>> ClaimObjects(
    Context& context, const client::Resource& owner_resource, const api::Message& owner,
    const api::meta::v1::LabelSelector& selector, const client::Resource& resource,
    const Index& index, const std::function<bool(const T&)>& adoptable) {
  auto claimed = ClaimAny(
      context, owner_resource, owner, selector, resource, index,
      [&](const api::Message& object) { return adoptable(static_cast<const T&>(object)); });
  if (!claimed.ok()) return claimed.status();
  std::vector<std::shared_ptr<const T>> out;
  for (auto& object : *claimed) out.push_back(std::static_pointer_cast<const T>(object));
  return out;
}

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_CLAIM_H_
