// SPDX-License-Identifier: Apache-2.0
// Which node a pod goes to, or why it goes to none. Pure and deterministic: of equally good nodes
// the one with the fewest pods wins, then the first by name.
#ifndef BERTH_CONTROLPLANE_SCHEDULER_DECIDE_H_
#define BERTH_CONTROLPLANE_SCHEDULER_DECIDE_H_

#include <string>

#include "controlplane/controllers/objects_fwd.h"
#include "controlplane/scheduler/cluster_snapshot.h"

namespace berth::controlplane {

struct Decision {
  std::string node;     // "" when no node will do
  std::string message;  // then: "0/2 nodes are available: 2 Insufficient cpu. preemption: ..."
};

Decision DecideNode(const PodPtr& pod, const ClusterSnapshot& cluster);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_SCHEDULER_DECIDE_H_
