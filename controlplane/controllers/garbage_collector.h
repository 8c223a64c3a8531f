// SPDX-License-Identifier: Apache-2.0
// Deletes what its owners left behind, and carries out foreground and orphaning deletions.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_GARBAGE_COLLECTOR_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_GARBAGE_COLLECTOR_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "client/resource.h"
#include "controlplane/controllers/context.h"
#include "controlplane/controllers/discovery.h"
#include "controlplane/controllers/owner_graph.h"

namespace berth::controlplane {

class GarbageCollector : public Controller {
 public:
  explicit GarbageCollector(Context& context);
  void Begin() override;

 private:
  absl::Status Sync(const std::string& uid);
  absl::StatusOr<OwnerState> StateOf(const OwnedObject& object, const OwnerRef& owner);
  absl::StatusOr<bool> Exists(const OwnedObject& object, const OwnerRef& owner);
  absl::Status Carry(const OwnedObject& object, const CollectPlan& plan);
  absl::Status DropOwners(const OwnedObject& object, const std::vector<std::string>& uids);
  absl::Status Orphan(const OwnedObject& object);
  // Takes a finalizer off the object as it is now.
  absl::Status RemoveFinalizer(const OwnedObject& object, std::string_view finalizer);
  // The resource of a kind; nullopt when the API server serves none.
  absl::StatusOr<std::optional<DiscoveredResource>> Resource(const OwnerRef& owner);

  Context& context_;
  std::map<std::string, client::Resource, std::less<>> resources_;  // by plural; fixed
  OwnerGraph graph_;
  base::Mutex mu_;
  std::vector<DiscoveredResource> discovered_ BERTH_GUARDED_BY(mu_);
  SyncQueue queue_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_GARBAGE_COLLECTOR_H_
