// SPDX-License-Identifier: Apache-2.0
#include "agent/pods/preemption.h"

#include <algorithm>

#include "agent/eviction/ranking.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;
using PodPtr = std::shared_ptr<const Pod>;
using Pods = std::vector<PodPtr>;

// What is still missing, by resource.
using Missing = std::map<std::string, int64_t>;

int64_t RequestOf(const Pod& pod, const std::string& resource) {
  if (resource == "pods") return 1;
  const Amounts requests = AmountsOf(pod.spec()).requests;
  const auto it = requests.find(resource);
  return it == requests.end() ? 0 : it->second;
}

Missing Without(const Missing& missing, const Pods& pods) {
  Missing out;
  for (const auto& [resource, amount] : missing) {
    int64_t left = amount;
    for (const PodPtr& pod : pods) left -= RequestOf(*pod, resource);
    if (left > 0) out[resource] = left;
  }
  return out;
}

// How far the pod's requests are from what is missing: each resource counts the same.
double DistanceOf(const Pod& pod, const Missing& missing) {
  double sum = 0;
  for (const auto& [resource, amount] : missing) {
    const double left =
        static_cast<double>(amount - RequestOf(pod, resource)) / static_cast<double>(amount);
    if (left > 0) sum += left * left;
  }
  return sum;
}

bool IsSmaller(const Pod& a, const Pod& b) {
  for (const char* resource : {"memory", "cpu"}) {
    const int64_t of_a = RequestOf(a, resource);
    const int64_t of_b = RequestOf(b, resource);
    if (of_a != of_b) return of_a < of_b;
  }
  return true;
}

std::string TextOf(const Missing& missing) {
  std::string out = "[";
  for (const auto& [resource, amount] : missing) {
    base::StrAppend(out, "(res: ", resource, ", q: ", amount, "), ");
  }
  return out + "]";
}

absl::Status NotEnough(const Missing& missing) {
  return base::NotFound("no set of running pods found to reclaim resources: ", TextOf(missing));
}

absl::StatusOr<Pods> Closest(Pods pods, Missing missing) {
  Pods chosen;
  while (!missing.empty()) {
    if (pods.empty()) return NotEnough(missing);
    size_t best = 0;
    for (size_t i = 1; i < pods.size(); ++i) {
      const double distance = DistanceOf(*pods[i], missing);
      const double least = DistanceOf(*pods[best], missing);
      if (distance < least || (distance == least && IsSmaller(*pods[i], *pods[best]))) best = i;
    }
    chosen.push_back(pods[best]);
    missing = Without(missing, {pods[best]});
    pods.erase(pods.begin() + static_cast<std::ptrdiff_t>(best));
  }
  return chosen;
}

Pods Together(Pods a, const Pods& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

absl::StatusOr<Pods> PodsToPreempt(const Pod& critical, const Pods& running,
                                   const std::vector<Shortage>& shortages) {
  Pods guaranteed, burstable, best_effort;
  for (const PodPtr& pod : running) {
    const bool may =
        !IsCritical(*pod) || (critical.spec().has_priority() && pod->spec().has_priority() &&
                              critical.spec().priority() > pod->spec().priority());
    if (!may) continue;
    switch (QosOf(pod->spec())) {
      case QosClass::kGuaranteed:
        guaranteed.push_back(pod);
        break;
      case QosClass::kBurstable:
        burstable.push_back(pod);
        break;
      case QosClass::kBestEffort:
        best_effort.push_back(pod);
        break;
    }
  }
  Missing missing;
  for (const Shortage& shortage : shortages) missing[shortage.resource] = shortage.Missing();
  const Missing never = Without(missing, Together(Together(best_effort, burstable), guaranteed));
  if (!never.empty()) return NotEnough(never);
  // Of each class only what the classes below it cannot give.
  ASSIGN_OR_RETURN(const Pods from_guaranteed,
                   Closest(guaranteed, Without(missing, Together(best_effort, burstable))));
  ASSIGN_OR_RETURN(const Pods from_burstable,
                   Closest(burstable, Without(missing, Together(best_effort, from_guaranteed))));
  ASSIGN_OR_RETURN(
      const Pods from_best_effort,
      Closest(best_effort, Without(missing, Together(from_burstable, from_guaranteed))));
  return Together(Together(from_best_effort, from_burstable), from_guaranteed);
}

}  // namespace berth::agent
