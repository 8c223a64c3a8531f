// SPDX-License-Identifier: Apache-2.0
// A Pod as the sandbox that the runtime shall make for it. Pure: the same pod gives the same
// config.
#ifndef BERTH_AGENT_SYNC_SANDBOX_CONFIG_H_
#define BERTH_AGENT_SYNC_SANDBOX_CONFIG_H_

#include <string>

#include "agent/sync/dns.h"
#include "agent/sync/security.h"

namespace berth::api::core::v1 {
class Pod;
}
namespace runtime::v1 {
class PodSandboxConfig;
}

namespace berth::agent {

struct SandboxInputs {
  uint32_t attempt = 0;
  std::string cgroup_parent;
  std::string pod_logs_dir;
  std::string cluster_domain;
  Resolver resolver;
  SecurityOptions security;
};

::runtime::v1::PodSandboxConfig MakeSandboxConfig(const api::core::v1::Pod& pod,
                                                  const SandboxInputs& inputs);
// <pod_logs_dir>/<namespace>_<name>_<uid>
std::string PodLogDir(std::string_view pod_logs_dir, const api::core::v1::Pod& pod);

}  // namespace berth::agent

#endif  // BERTH_AGENT_SYNC_SANDBOX_CONFIG_H_
