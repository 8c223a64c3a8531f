// SPDX-License-Identifier: Apache-2.0
// One pod (anti-)affinity term of one pod: which other pods it speaks of, and what "near" means.
// Pure.
#ifndef BERTH_CONTROLPLANE_SCHEDULER_AFFINITY_TERM_H_
#define BERTH_CONTROLPLANE_SCHEDULER_AFFINITY_TERM_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/selector.h"
#include "controlplane/controllers/objects_fwd.h"
#include "controlplane/scheduler/cluster_snapshot.h"

namespace berth::api::core::v1 {
class PodAffinityTerm;
}

namespace berth::controlplane {

class AffinityTerm {
 public:
  // Both outlive the term. A selector that does not parse selects nothing. `weight` is 0 for a
  // required one, negative for anti-affinity.
  AffinityTerm(const api::core::v1::Pod& owner, const api::core::v1::PodAffinityTerm& term,
               int weight = 0);

  bool Concerns(const api::core::v1::Pod& other, const ClusterSnapshot& cluster) const;
  // The node's domain by the term's topology key; nothing when it lacks the label.
  std::optional<std::string_view> Domain(const api::core::v1::Node& node) const;
  int weight() const { return weight_; }

 private:
  bool InNamespace(std::string_view name, const ClusterSnapshot& cluster) const;

  const api::core::v1::Pod& owner_;
  const api::core::v1::PodAffinityTerm& term_;
  api::LabelSelector pods_, namespaces_;
  int weight_;
};

struct AffinityTerms {
  std::vector<AffinityTerm> required;
  std::vector<AffinityTerm> required_anti;
  std::vector<AffinityTerm> preferred;  // of both signs
};
AffinityTerms TermsOf(const api::core::v1::Pod& pod);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_SCHEDULER_AFFINITY_TERM_H_
