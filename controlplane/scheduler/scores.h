// SPDX-License-Identifier: Apache-2.0
// How good is a node for a pod, among the nodes that will do? Pure.
#ifndef BERTH_CONTROLPLANE_SCHEDULER_SCORES_H_
#define BERTH_CONTROLPLANE_SCHEDULER_SCORES_H_

#include <vector>

#include "controlplane/scheduler/cluster_snapshot.h"
#include "controlplane/scheduler/filters.h"
#include "controlplane/scheduler/pod_affinity.h"
#include "controlplane/scheduler/topology_spread.h"

namespace berth::controlplane {

// The weighted sum per node, in the order of `nodes`: room left, balance of cpu and memory,
// preferred node affinity, taints that are only to be avoided, images already there, spread of the
// same owner's pods, spread constraints and affinity between pods.
std::vector<double> ScoreNodes(const PodAsk& ask, const std::vector<const NodeState*>& nodes,
                               const PodAffinity& affinity, const TopologySpread& spread);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_SCHEDULER_SCORES_H_
