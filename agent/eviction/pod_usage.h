// SPDX-License-Identifier: Apache-2.0
// What a pod takes of what the node may run out of.
#ifndef BERTH_AGENT_EVICTION_POD_USAGE_H_
#define BERTH_AGENT_EVICTION_POD_USAGE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace berth::agent {

struct DiskUse {
  int64_t bytes = 0;
  int64_t inodes = 0;
  DiskUse& operator+=(const DiskUse& other) {
    bytes += other.bytes;
    inodes += other.inodes;
    return *this;
  }
};

struct ContainerUse {
  std::string name;
  std::optional<int64_t> memory;  // working set
  DiskUse rootfs;                 // its writable layer
  DiskUse logs;
};

struct PodUse {
  std::optional<int64_t> memory;  // working set
  std::optional<int64_t> processes;
  std::vector<ContainerUse> containers;
  std::map<std::string, DiskUse> volumes;  // those that lie on the node's disk, by name
  DiskUse other;                           // what the node keeps for it: /etc/hosts

  DiskUse RootFs() const;
  DiskUse Logs() const;
  DiskUse Volumes() const;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_EVICTION_POD_USAGE_H_
