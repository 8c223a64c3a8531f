// SPDX-License-Identifier: Apache-2.0
#include "controlplane/scheduler/pod_affinity.h"

#include <algorithm>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "controlplane/controllers/pod_state.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Pod;

template <class Number>
Number CountIn(const std::map<std::string, Number, std::less<>>& counts,
               std::optional<std::string_view> domain) {
  if (!domain.has_value()) return 0;
  const auto it = counts.find(*domain);
  return it == counts.end() ? 0 : it->second;
}

}  // namespace

PodAffinity::PodAffinity(const Pod& pod, const ClusterSnapshot& cluster)
    : pod_(pod), cluster_(cluster), terms_(TermsOf(pod)) {
  near_.resize(terms_.required.size());
  away_.resize(terms_.required_anti.size());
  wished_.resize(terms_.preferred.size());
  CountOwnTerms();
  CountForeignTerms();
}

void PodAffinity::CountOwnTerms() {
  if (near_.empty() && away_.empty() && wished_.empty()) return;
  const auto count = [&](const std::vector<AffinityTerm>& terms, auto& counts,
                         const NodeState& node, const Pod& placed) {
    for (size_t i = 0; i < terms.size(); ++i) {
      const auto domain = terms[i].Domain(*node.node);
      if (!domain.has_value() || !terms[i].Concerns(placed, cluster_)) continue;
      ++counts[i][std::string(*domain)];
    }
  };
  for (const NodeState* node : cluster_.Nodes()) {
    for (const auto& [uid, placed] : node->pods) {
      if (IsTerminating(*placed.pod)) continue;
      count(terms_.required, near_, *node, *placed.pod);
      count(terms_.required_anti, away_, *node, *placed.pod);
      count(terms_.preferred, wished_, *node, *placed.pod);
    }
  }
  // Pods that must be near each other could never start; the first of them is let in when it
  // would satisfy its own terms.
  const bool none =
      std::all_of(near_.begin(), near_.end(), [](const auto& m) { return m.empty(); });
  first_of_its_kind_ =
      none && std::all_of(terms_.required.begin(), terms_.required.end(),
                          [&](const AffinityTerm& t) { return t.Concerns(pod_, cluster_); });
}

void PodAffinity::CountForeignTerms() {
  const auto visit = [&](const base::StringSet& uids, auto&& use) {
    for (const std::string& uid : uids) {
      const NodeState* node = cluster_.Find(cluster_.NodeOf(uid));
      if (node == nullptr) continue;
      use(*node, *node->pods.find(uid)->second.pod);
    }
  };
  const auto note = [&](const NodeState& node, const AffinityTerm& term,
                        std::vector<Foreign>& into) {
    const auto domain = term.Domain(*node.node);
    if (domain.has_value() && term.Concerns(pod_, cluster_)) {
      into.push_back({term, std::string(*domain)});
    }
  };
  visit(cluster_.guarded(), [&](const NodeState& node, const Pod& placed) {
    for (const AffinityTerm& term : TermsOf(placed).required_anti) note(node, term, forbidden_);
  });
  visit(cluster_.sociable(), [&](const NodeState& node, const Pod& placed) {
    const AffinityTerms terms = TermsOf(placed);
    for (const AffinityTerm& term : terms.preferred) note(node, term, invited_);
    for (const AffinityTerm& term : terms.required) note(node, term, invited_);
  });
}

Rejection PodAffinity::Check(const NodeState& node) const {
  for (size_t i = 0; i < terms_.required.size(); ++i) {
    const auto domain = terms_.required[i].Domain(*node.node);
    if (domain.has_value() && (first_of_its_kind_ || CountIn(near_[i], domain) > 0)) continue;
    return {{"node(s) didn't match pod affinity rules"}, false};
  }
  for (size_t i = 0; i < terms_.required_anti.size(); ++i) {
    if (CountIn(away_[i], terms_.required_anti[i].Domain(*node.node)) > 0) {
      return {{"node(s) didn't match pod anti-affinity rules"}, true};
    }
  }
  for (const Foreign& foreign : forbidden_) {
    if (foreign.term.Domain(*node.node) == foreign.domain) {
      return {{"node(s) didn't satisfy existing pods anti-affinity rules"}, true};
    }
  }
  return {};
}

int64_t PodAffinity::Score(const NodeState& node) const {
  int64_t score = 0;
  for (size_t i = 0; i < terms_.preferred.size(); ++i) {
    const AffinityTerm& term = terms_.preferred[i];
    score += term.weight() * CountIn(wished_[i], term.Domain(*node.node));
  }
  for (const Foreign& foreign : invited_) {
    // A required term of a placed pod counts as a weak wish.
    const int weight = foreign.term.weight() == 0 ? 1 : foreign.term.weight();
    if (foreign.term.Domain(*node.node) == foreign.domain) score += weight;
  }
  return score;
}

}  // namespace berth::controlplane
