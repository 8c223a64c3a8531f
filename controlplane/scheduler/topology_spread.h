// SPDX-License-Identifier: Apache-2.0
// Topology spread constraints of one pod against the whole cluster: prepared once, asked per node.
#ifndef BERTH_CONTROLPLANE_SCHEDULER_TOPOLOGY_SPREAD_H_
#define BERTH_CONTROLPLANE_SCHEDULER_TOPOLOGY_SPREAD_H_

#include <map>
#include <string>
#include <vector>

#include "api/selector.h"
#include "controlplane/scheduler/cluster_snapshot.h"
#include "controlplane/scheduler/filters.h"

namespace berth::api::core::v1 {
class TopologySpreadConstraint;
}

namespace berth::controlplane {

class TopologySpread {
 public:
  // Both outlive this.
  TopologySpread(const api::core::v1::Pod& pod, const ClusterSnapshot& cluster);

  Rejection Check(const NodeState& node) const;
  // Pods already in the node's domains, weighed by constraint: less is better.
  double Crowding(const NodeState& node) const;

 private:
  struct Constraint {
    const api::core::v1::TopologySpreadConstraint* rule;
    api::LabelSelector selector;
    bool counts_itself = false;
    std::map<std::string, int, std::less<>> pods;  // by domain
    int Least() const;
  };
  Constraint Prepare(const api::core::v1::TopologySpreadConstraint& rule) const;
  bool Selected(const Constraint& constraint, const api::core::v1::Pod& other) const;

  const api::core::v1::Pod& pod_;
  const ClusterSnapshot& cluster_;
  std::vector<Constraint> hard_, soft_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_SCHEDULER_TOPOLOGY_SPREAD_H_
