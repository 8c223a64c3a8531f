// SPDX-License-Identifier: Apache-2.0
// A container of a Pod as the runtime shall make it. Pure, but for what Inputs carries in.
#ifndef BERTH_AGENT_SYNC_CONTAINER_CONFIG_H_
#define BERTH_AGENT_SYNC_CONTAINER_CONFIG_H_

#include <string>
#include <vector>

#include "agent/env/container_env.h"
#include "agent/sync/security.h"

namespace runtime::v1 {
class ContainerConfig;
}

namespace berth::agent {

// A mount whose host path is resolved and exists.
struct HostMount {
  std::string container_path;
  std::string host_path;
  bool read_only = false;
  std::string propagation;  // "", "None", "HostToContainer", "Bidirectional"
};

struct ContainerInputs {
  int restart_count = 0;
  std::string image_ref;  // what the runtime knows the image by
  ContainerProcess process;
  std::vector<HostMount> mounts;
  std::string target_id;  // of an ephemeral container's target
  int64_t node_memory_bytes = 0;
  bool cpu_quota = true;
  bool group_oom_kill = false;  // cgroup v2: out of memory ends all of the container
  SecurityOptions security;
};

::runtime::v1::ContainerConfig MakeContainerConfig(const api::core::v1::Pod& pod,
                                                   const api::core::v1::Container& container,
                                                   const ContainerInputs& inputs);

}  // namespace berth::agent

#endif  // BERTH_AGENT_SYNC_CONTAINER_CONFIG_H_
