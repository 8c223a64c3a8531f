// SPDX-License-Identifier: Apache-2.0
// The statuses of a pod's containers. Pure.
#ifndef BERTH_AGENT_STATUS_CONTAINER_STATUS_H_
#define BERTH_AGENT_STATUS_CONTAINER_STATUS_H_

#include <string>

#include "agent/status/pod_status.h"

namespace berth::api::core::v1 {
class Container;
class ContainerStatus;
}  // namespace berth::api::core::v1

namespace berth::agent {

// `old` is the status that the API had of this container; null when none. `init_done` decides what
// an app container that does not exist yet waits for.
api::core::v1::ContainerStatus ComputeContainerStatus(const StatusInputs& in,
                                                      const api::core::v1::Container& container,
                                                      ContainerKind kind,
                                                      const api::core::v1::ContainerStatus* old,
                                                      bool init_done);

}  // namespace berth::agent

#endif  // BERTH_AGENT_STATUS_CONTAINER_STATUS_H_
