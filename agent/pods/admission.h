// SPDX-License-Identifier: Apache-2.0
// Whether a pod that was bound to this node may run here. Pure.
#ifndef BERTH_AGENT_PODS_ADMISSION_H_
#define BERTH_AGENT_PODS_ADMISSION_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/resources/quantities.h"
#include "agent/status/pod_status.h"

namespace berth::api::core::v1 {
class Node;
class NodeSelectorTerm;
class Pod;
}  // namespace berth::api::core::v1

namespace berth::agent {

struct AdmissionInputs {
  const api::core::v1::Node& node;
  // Pods that run here or were admitted; rejected and ended ones do not count.
  const std::vector<std::shared_ptr<const api::core::v1::Pod>>& active;
  const std::vector<std::string>& allowed_unsafe_sysctls;
  int max_pods = 110;
};

// What the node lacks for the pod, beside what runs: cpu in thousandths.
struct Shortage {
  std::string resource;
  int64_t requested = 0, used = 0, capacity = 0;
  int64_t Missing() const { return requested + used - capacity; }
};
std::vector<Shortage> ShortagesOf(const api::core::v1::Pod& pod, const AdmissionInputs& in);

// The same without a look at resources.
std::optional<PodVerdict> AdmitBesideResources(const api::core::v1::Pod& pod,
                                               const AdmissionInputs& in);

// Nothing when it may; else the reason and message that its status gets.
std::optional<PodVerdict> Admit(const api::core::v1::Pod& pod, const AdmissionInputs& in);

// What the node has for pods, in the units of Amounts.
Amounts AllocatableOf(const api::core::v1::Node& node);

// nodeSelector and required node affinity.
bool MatchesNode(const api::core::v1::Pod& pod, const api::core::v1::Node& node);

}  // namespace berth::agent

#endif  // BERTH_AGENT_PODS_ADMISSION_H_
