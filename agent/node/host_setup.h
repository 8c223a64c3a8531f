// SPDX-License-Identifier: Apache-2.0
// What the daemon asks of its host before it starts: refusals that the configuration wants, limits
// and kernel parameters that it sets.
#ifndef BERTH_AGENT_NODE_HOST_SETUP_H_
#define BERTH_AGENT_NODE_HOST_SETUP_H_

#include <string_view>

#include "absl/status/status.h"
#include "agent/config/kubelet_config.h"

namespace berth::agent {

bool HostHasCgroupV2();

// FailedPrecondition when the host may not be used: cgroup v1, swap.
absl::Status CheckHost(const KubeletConfig& config, bool cgroup_v2, int swaps);

// OOM score, open files, kernel parameters. What cannot be set gives one warning; with
// protectKernelDefaults a parameter that differs is an error. `root` is "/" but in tests.
absl::Status TuneHost(const KubeletConfig& config, std::string_view root = "/");

}  // namespace berth::agent

#endif  // BERTH_AGENT_NODE_HOST_SETUP_H_
