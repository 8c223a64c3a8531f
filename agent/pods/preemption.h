// SPDX-License-Identifier: Apache-2.0
// Which pods end so that a critical one has room. Pure.
#ifndef BERTH_AGENT_PODS_PREEMPTION_H_
#define BERTH_AGENT_PODS_PREEMPTION_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/pods/admission.h"

namespace berth::agent {

// As few as possible of the guaranteed ones, then of the burstable ones, then of the others; among
// these who comes closest to what is missing. Never a critical one. NotFound when all together are
// not enough.
absl::StatusOr<std::vector<std::shared_ptr<const api::core::v1::Pod>>> PodsToPreempt(
    const api::core::v1::Pod& critical,
    const std::vector<std::shared_ptr<const api::core::v1::Pod>>& running,
    const std::vector<Shortage>& shortages);

}  // namespace berth::agent

#endif  // BERTH_AGENT_PODS_PREEMPTION_H_
