// SPDX-License-Identifier: Apache-2.0
// How much there is and how much of it pods may have. Pure functions.
#ifndef BERTH_AGENT_NODE_NODE_RESOURCES_H_
#define BERTH_AGENT_NODE_NODE_RESOURCES_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "agent/config/kubelet_config.h"
#include "agent/node/system_facts.h"

namespace berth::agent {

using ResourceTexts = std::map<std::string, std::string>;  // resource -> quantity

ResourceTexts NodeCapacity(const SystemFacts& facts, const FilesystemSize& node_filesystem,
                           const KubeletConfig& config);

// Capacity without kubeReserved, systemReserved and the hard eviction thresholds; memory also
// without huge pages; never below zero.
ResourceTexts NodeAllocatable(const SystemFacts& facts, const FilesystemSize& node_filesystem,
                              const KubeletConfig& config);

// A threshold ("100Mi", "10%") of `capacity`; nothing when malformed.
std::optional<int64_t> ThresholdOf(std::string_view text, int64_t capacity);

}  // namespace berth::agent

#endif  // BERTH_AGENT_NODE_NODE_RESOURCES_H_
