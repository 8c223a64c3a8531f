// SPDX-License-Identifier: Apache-2.0
// Asks the container runtime how it is and which images it has.
#ifndef BERTH_AGENT_NODE_RUNTIME_PROBE_H_
#define BERTH_AGENT_NODE_RUNTIME_PROBE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/node/node_status.h"

namespace berth::cri {
class Runtime;
}

namespace berth::agent {

// Never fails: `reachable` says what went wrong.
RuntimeSeen ProbeRuntime(cri::Runtime& runtime, absl::Duration timeout);

// Images with their names, digests first. On failure the list is empty.
std::vector<ImageSeen> ListRuntimeImages(cri::Runtime& runtime, absl::Duration timeout);

// "systemd" or "cgroupfs" as the runtime says; "" when it does not say.
std::string RuntimeCgroupDriver(cri::Runtime& runtime, absl::Duration timeout);

absl::Status SetPodCidr(cri::Runtime& runtime, std::string_view cidrs, absl::Duration timeout);

}  // namespace berth::agent

#endif  // BERTH_AGENT_NODE_RUNTIME_PROBE_H_
