// SPDX-License-Identifier: Apache-2.0
// Owner references: who controls an object, and which objects a controller takes or lets go. Pure.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_OWNERSHIP_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_OWNERSHIP_H_

#include <string>
#include <string_view>

#include "api/object.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

// The reference with controller: true; nullptr when there is none.
const api::meta::v1::OwnerReference* ControllerOf(const api::meta::v1::ObjectMeta& meta);
// "" when nobody controls the object.
std::string_view ControllerUid(const api::meta::v1::ObjectMeta& meta);
// Adds `owner` as the controlling owner that waits for its dependents in foreground deletion.
void AddControllerRef(const api::Message& owner, api::meta::v1::ObjectMeta& dependent);

enum class Claim { kNone, kOwned, kAdopt, kRelease };
// What an owner with this uid does with an object: keeps what it controls and selects, takes
// orphans that it selects, lets go what it no longer selects. An owner that is being deleted only
// keeps.
Claim DecideClaim(const api::meta::v1::ObjectMeta& owner, const api::meta::v1::ObjectMeta& object,
                  bool selected);

// Patches that do it; both fail with a conflict when the object's uid is another by now.
std::string AdoptPatch(const api::Message& owner, const api::meta::v1::ObjectMeta& object);
std::string ReleasePatch(std::string_view owner_uid, const api::meta::v1::ObjectMeta& object);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_OWNERSHIP_H_
