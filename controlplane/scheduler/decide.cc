// SPDX-License-Identifier: Apache-2.0
#include "controlplane/scheduler/decide.h"

#include <algorithm>
#include <map>
#include <vector>

#include "api/proto/core/v1/node.pb.h"
#include "base/strings.h"
#include "controlplane/scheduler/filters.h"
#include "controlplane/scheduler/scores.h"

namespace berth::controlplane {
namespace {

struct Diagnosis {
  size_t nodes = 0;
  std::map<std::string, int> reasons;
  size_t curable = 0;

  void Note(const Rejection& rejection) {
    for (const std::string& reason : rejection.reasons) ++reasons[reason];
    if (rejection.curable) ++curable;
  }
};

std::string Histogram(const std::map<std::string, int>& reasons) {
  std::vector<std::string> lines;
  for (const auto& [reason, count] : reasons) lines.push_back(base::StrCat(count, " ", reason));
  std::sort(lines.begin(), lines.end());
  return base::Join(lines, ", ");
}

std::string Explain(const Diagnosis& diagnosis) {
  if (diagnosis.nodes == 0) return "no nodes available to schedule pods";
  const std::string none = base::StrCat("0/", diagnosis.nodes, " nodes are available: ");
  std::map<std::string, int> preemption;
  const int curable = static_cast<int>(diagnosis.curable);
  const int rest = static_cast<int>(diagnosis.nodes) - curable;
  if (curable > 0) preemption["No preemption victims found for incoming pod"] = curable;
  if (rest > 0) preemption["Preemption is not helpful for scheduling"] = rest;
  return base::StrCat(none, Histogram(diagnosis.reasons), ". preemption: ", none,
                      Histogram(preemption), ".");
}

Rejection CheckAll(const PodAsk& ask, const NodeState& node, const PodAffinity& affinity,
                   const TopologySpread& spread) {
  if (auto no = CheckNode(ask, node); !no.reasons.empty()) return no;
  if (auto no = spread.Check(node); !no.reasons.empty()) return no;
  return affinity.Check(node);
}

}  // namespace

Decision DecideNode(const PodPtr& pod, const ClusterSnapshot& cluster) {
  const PodAsk ask(pod);
  const PodAffinity affinity(*pod, cluster);
  const TopologySpread spread(*pod, cluster);
  Diagnosis diagnosis;
  std::vector<const NodeState*> feasible;
  for (const NodeState* node : cluster.Nodes()) {
    ++diagnosis.nodes;
    const Rejection rejection = CheckAll(ask, *node, affinity, spread);
    if (rejection.reasons.empty()) {
      feasible.push_back(node);
    } else {
      diagnosis.Note(rejection);
    }
  }
  if (feasible.empty()) return {"", Explain(diagnosis)};
  const std::vector<double> scores = ScoreNodes(ask, feasible, affinity, spread);
  size_t best = 0;
  for (size_t i = 1; i < feasible.size(); ++i) {
    if (scores[i] > scores[best] + 1e-9 ||
        (scores[i] > scores[best] - 1e-9 &&
         feasible[i]->pods.size() < feasible[best]->pods.size())) {
      best = i;
    }
  }
  return {std::string(feasible[best]->name()), ""};
}

}  // namespace berth::controlplane
