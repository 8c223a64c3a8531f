// SPDX-License-Identifier: Apache-2.0
// Security contexts of pods and containers as the CRI takes them. Pure.
#ifndef BERTH_AGENT_SYNC_SECURITY_H_
#define BERTH_AGENT_SYNC_SECURITY_H_

#include <optional>
#include <string>

#include "absl/status/status.h"

namespace berth::api::core::v1 {
class Container;
class Pod;
}  // namespace berth::api::core::v1
namespace runtime::v1 {
class LinuxContainerSecurityContext;
class LinuxSandboxSecurityContext;
}  // namespace runtime::v1

namespace berth::agent {

struct SecurityOptions {
  std::string seccomp_dir;       // of Localhost profiles
  bool seccomp_default = false;  // RuntimeDefault where a pod says nothing
};

void FillSandboxSecurity(const api::core::v1::Pod& pod, const SecurityOptions& options,
                         ::runtime::v1::LinuxSandboxSecurityContext& out);
// `target_id`: the container whose process namespace an ephemeral container joins; "" for none.
void FillContainerSecurity(const api::core::v1::Pod& pod, const api::core::v1::Container& container,
                           const SecurityOptions& options, const std::string& target_id,
                           ::runtime::v1::LinuxContainerSecurityContext& out);

// What the image says about its user; at most one of both.
struct ImageUser {
  std::optional<int64_t> uid;
  std::string name;
};
// runAsNonRoot kept: InvalidArgument with the kubelet's words when it is not.
absl::Status CheckNonRoot(const api::core::v1::Pod& pod, const api::core::v1::Container& container,
                          const ImageUser& image);

}  // namespace berth::agent

#endif  // BERTH_AGENT_SYNC_SECURITY_H_
