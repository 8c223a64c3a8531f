// SPDX-License-Identifier: Apache-2.0
// Quantities of the API as the whole numbers that the node counts in, rounded up.
#ifndef BERTH_AGENT_RESOURCES_QUANTITIES_H_
#define BERTH_AGENT_RESOURCES_QUANTITIES_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "api/quantity_list.h"

namespace berth::api::core::v1 {
class Container;
class Pod;
class PodSpec;
}  // namespace berth::api::core::v1

namespace berth::agent {

// A pod's or a container's amounts by resource name: cpu in thousandths, the rest whole.
using Amounts = std::map<std::string, int64_t>;
Amounts ToAmounts(const api::QuantityMap& quantities);

struct PodAmounts {
  Amounts requests;
  Amounts limits;
  // For the kernel, a limit counts only when every container has it.
  bool all_limit_cpu = false;
  bool all_limit_memory = false;
};

// What the scheduler counts too: containers and sidecars together, or the largest init container
// with the sidecars before it, plus the overhead.
PodAmounts AmountsOf(const api::core::v1::PodSpec& spec);
// A request that is not given is the limit.
Amounts RequestsOf(const api::core::v1::Container& container);
Amounts LimitsOf(const api::core::v1::Container& container);

enum class QosClass { kGuaranteed, kBurstable, kBestEffort };
QosClass QosOf(const api::core::v1::PodSpec& spec);
std::string_view NameOf(QosClass qos);

// Which process dies first when the node has no memory left.
int64_t OomScoreAdj(const api::core::v1::Pod& pod, const api::core::v1::Container& container,
                    int64_t node_memory_bytes);

}  // namespace berth::agent

#endif  // BERTH_AGENT_RESOURCES_QUANTITIES_H_
