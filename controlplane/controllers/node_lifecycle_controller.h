// SPDX-License-Identifier: Apache-2.0
// Watches over nodes: leases that stop being renewed, taints that follow conditions, podCIDRs.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_NODE_LIFECYCLE_CONTROLLER_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_NODE_LIFECYCLE_CONTROLLER_H_

#include <string>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "controlplane/controllers/cluster_disruption.h"
#include "controlplane/controllers/context.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

class NodeLifecycleController : public Controller {
 public:
  NodeLifecycleController(Context& context, client::EventRecorder& events);
  void Begin() override;

 private:
  using Node = api::core::v1::Node;

  // A heartbeat is what arrives here, timed by this clock: the node's own may be wrong.
  void Heartbeat(const std::string& node);
  absl::Time LastHeartbeat(const std::string& node);
  bool NoteReadiness(const std::string& name, const Node* node);
  struct Disruption {
    absl::Time end;
    int nodes;
  };
  Disruption SeenDisruption();
  void OnNode(const std::string& name, const Node* before, const Node* after);
  absl::Status Sync(const std::string& name);
  absl::Status WriteSilence(const Node& node);
  absl::Status MarkPodsNotReady(const Node& node);
  absl::Status AssignPodCidr(Node& node);

  Context& context_;
  client::EventRecorder& events_;
  base::Mutex mu_;
  base::StringMap<absl::Time> heard_ BERTH_GUARDED_BY(mu_);
  ClusterDisruption disruption_ BERTH_GUARDED_BY(mu_);
  base::Mutex cidr_mu_;                                               // one assignment at a time
  base::StringMap<std::string> assigned_ BERTH_GUARDED_BY(cidr_mu_);  // node -> podCIDR written
  SyncQueue queue_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_NODE_LIFECYCLE_CONTROLLER_H_
