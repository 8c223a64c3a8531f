// SPDX-License-Identifier: Apache-2.0
// Can a pod run on a node? Each filter says why not, in the words that FailedScheduling events use.
// Pure. Filters that look across nodes are in topology.h.
#ifndef BERTH_CONTROLPLANE_SCHEDULER_FILTERS_H_
#define BERTH_CONTROLPLANE_SCHEDULER_FILTERS_H_

#include <string>
#include <vector>

#include "controlplane/controllers/objects_fwd.h"
#include "controlplane/scheduler/cluster_snapshot.h"

namespace berth::controlplane {

struct Rejection {
  std::vector<std::string> reasons;
  // Taking other pods off the node could change the answer.
  bool curable = false;
};

// What all filters ask of the pod, worked out once.
struct PodAsk {
  explicit PodAsk(PodPtr pod);
  PodPtr pod;
  Resources requests;
  Resources typical;
  std::vector<HostPort> ports;
};

// The first filter that refuses; no reasons when the node will do.
Rejection CheckNode(const PodAsk& ask, const NodeState& node);

bool Tolerates(const api::core::v1::Toleration& toleration, const api::core::v1::Taint& taint);
bool MatchesNodeAffinity(const api::core::v1::Pod& pod, const api::core::v1::Node& node);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_SCHEDULER_FILTERS_H_
