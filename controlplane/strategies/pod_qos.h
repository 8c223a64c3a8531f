// SPDX-License-Identifier: Apache-2.0
#ifndef BERTH_CONTROLPLANE_STRATEGIES_POD_QOS_H_
#define BERTH_CONTROLPLANE_STRATEGIES_POD_QOS_H_

#include <string_view>

namespace berth::api::core::v1 {
class PodSpec;
}

namespace berth::controlplane {

// "Guaranteed", "Burstable" or "BestEffort", by the cpu and memory of all containers.
std::string_view QosClassOf(const api::core::v1::PodSpec& spec);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_STRATEGIES_POD_QOS_H_
