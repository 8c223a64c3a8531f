// SPDX-License-Identifier: Apache-2.0
// The limits that a pod itself puts on its part of the node's disk: sizeLimit of its emptyDirs,
// ephemeral-storage of its containers and of all of them. They hold whether the disk is full or
// not. Pure.
#ifndef BERTH_AGENT_EVICTION_LOCAL_LIMITS_H_
#define BERTH_AGENT_EVICTION_LOCAL_LIMITS_H_

#include <optional>
#include <string>
#include <string_view>

#include "agent/eviction/pod_usage.h"
#include "agent/eviction/signals.h"

namespace berth::api::core::v1 {
class Pod;
}

namespace berth::agent {

// Only such pods need to be measured.
bool HasLocalLimits(const api::core::v1::Pod& pod);

struct LocalExcess {
  std::string_view signal;  // of the metric: "emptydirfs.limit"
  std::string message;
};
std::optional<LocalExcess> FindLocalExcess(const api::core::v1::Pod& pod, const PodUse& use,
                                           const DiskLayout& disks);

}  // namespace berth::agent

#endif  // BERTH_AGENT_EVICTION_LOCAL_LIMITS_H_
