// SPDX-License-Identifier: Apache-2.0
// Who owns whom, by uid, and what garbage collection does with an object. The graph only knows what
// informers show; an owner that it does not know may still exist, and then the API server is asked.
// Thread-safe.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_OWNER_GRAPH_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_OWNER_GRAPH_H_

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/strings.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

struct OwnerRef {
  std::string api_version, kind, name, uid;
  bool blocks = false;  // blockOwnerDeletion
};

struct OwnedObject {
  std::string resource;  // a key of the collector's table of resources
  std::string namespace_, name, uid, resource_version;
  std::vector<OwnerRef> owners;
  bool deleting = false;
  bool foreground = false;  // waits for its dependents: finalizer foregroundDeletion
  bool orphaning = false;   // lets its dependents go: finalizer orphan
};
OwnedObject OwnedObjectOf(std::string_view resource, const api::meta::v1::ObjectMeta& meta);

class OwnerGraph {
 public:
  // Uids to look at again because of the change.
  std::vector<std::string> Set(OwnedObject object);
  std::vector<std::string> Remove(std::string_view uid);

  std::optional<OwnedObject> Find(std::string_view uid) const;
  std::vector<OwnedObject> Dependents(std::string_view uid) const;

 private:
  void Unlink(const OwnedObject& object) BERTH_REQUIRES(mu_);

  mutable base::Mutex mu_;
  base::StringMap<OwnedObject> objects_ BERTH_GUARDED_BY(mu_);
  base::StringMap<std::set<std::string>> dependents_ BERTH_GUARDED_BY(mu_);
};

// What is known of one owner of an object.
enum class OwnerState {
  kSolid,    // exists and stays
  kWaiting,  // is being deleted in the foreground: waits for this object
  kAbsent,
};

struct CollectPlan {
  enum class Act {
    kNothing,
    kDropOwners,     // some owners stay: only the references in `drop` go
    kDelete,         // with `policy`
    kReleaseOwner,   // of an owner in foreground deletion: nothing blocks it any more
    kAskDependents,  // of an owner in foreground deletion: its dependents are to go
    kOrphan,         // dependents lose their reference, then the finalizer goes
  };
  Act act = Act::kNothing;
  std::vector<std::string> drop;  // uids
  std::string policy;
};

// `owners` are the states of `object.owners`, in their order.
CollectPlan PlanCollection(const OwnedObject& object, const std::vector<OwnerState>& owners,
                           const std::vector<OwnedObject>& dependents);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_OWNER_GRAPH_H_
