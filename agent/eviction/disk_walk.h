// SPDX-License-Identifier: Apache-2.0
#ifndef BERTH_AGENT_EVICTION_DISK_WALK_H_
#define BERTH_AGENT_EVICTION_DISK_WALK_H_

#include <string>

#include "agent/eviction/pod_usage.h"

namespace berth::agent {

// What lies below `path` on its own file system: links are not followed, what is mounted there is
// not counted, a file with several names counts once. What vanishes meanwhile, or is not there, is
// nothing.
DiskUse MeasureTree(const std::string& path);

}  // namespace berth::agent

#endif  // BERTH_AGENT_EVICTION_DISK_WALK_H_
