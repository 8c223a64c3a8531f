// SPDX-License-Identifier: Apache-2.0
// Affinity and anti-affinity between pods, for one pod against the whole cluster: prepared once,
// asked per node. Costs nothing when neither the pod nor any placed pod uses it.
#ifndef BERTH_CONTROLPLANE_SCHEDULER_POD_AFFINITY_H_
#define BERTH_CONTROLPLANE_SCHEDULER_POD_AFFINITY_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/scheduler/affinity_term.h"
#include "controlplane/scheduler/cluster_snapshot.h"
#include "controlplane/scheduler/filters.h"

namespace berth::controlplane {

class PodAffinity {
 public:
  // `cluster` and `pod` outlive this.
  PodAffinity(const api::core::v1::Pod& pod, const ClusterSnapshot& cluster);

  Rejection Check(const NodeState& node) const;
  // Weights of preferred terms that the node would satisfy, of both sides.
  int64_t Score(const NodeState& node) const;

 private:
  void CountOwnTerms();
  void CountForeignTerms();

  const api::core::v1::Pod& pod_;
  const ClusterSnapshot& cluster_;
  const AffinityTerms terms_;
  // For each required term: how many pods it speaks of in each domain.
  std::vector<std::map<std::string, int, std::less<>>> near_, away_;
  // {topology label of a node's domain} that placed pods forbid.
  struct Foreign {
    AffinityTerm term;
    std::string domain;
  };
  std::vector<Foreign> forbidden_;
  std::vector<std::map<std::string, int64_t, std::less<>>> wished_;  // per preferred term
  std::vector<Foreign> invited_;  // preferred and required terms of placed pods
  bool first_of_its_kind_ = false;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_SCHEDULER_POD_AFFINITY_H_
