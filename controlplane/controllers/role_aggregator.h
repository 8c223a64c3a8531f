// SPDX-License-Identifier: Apache-2.0
// ClusterRoles with an aggregationRule get the rules of the roles that it selects. Nobody else
// looks at roles, so their informer is here and not among the shared ones.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_ROLE_AGGREGATOR_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_ROLE_AGGREGATOR_H_

#include <string>

#include "absl/status/status.h"
#include "client/informer.h"
#include "controlplane/controllers/context.h"

namespace berth::api::rbac::v1 {
class ClusterRole;
}

namespace berth::controlplane {

class RoleAggregator : public Controller {
 public:
  explicit RoleAggregator(Context& context);
  ~RoleAggregator() override;
  void Begin() override;

 private:
  void AddAggregated();
  absl::Status Sync(const std::string& name);

  Context& context_;
  SyncQueue queue_;
  client::Informer<api::rbac::v1::ClusterRole> roles_;  // ends before the queue that it feeds
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_ROLE_AGGREGATOR_H_
