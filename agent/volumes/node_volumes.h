// SPDX-License-Identifier: Apache-2.0
// PodVolumes on this node's disk: emptyDir, hostPath, configMap, secret, downwardAPI, projected.
#ifndef BERTH_AGENT_VOLUMES_NODE_VOLUMES_H_
#define BERTH_AGENT_VOLUMES_NODE_VOLUMES_H_

#include <string>

#include "agent/env/container_env.h"
#include "agent/volumes/atomic_writer.h"
#include "agent/volumes/mounter.h"
#include "agent/volumes/pod_volumes.h"
#include "agent/volumes/token_cache.h"
#include "base/clock.h"

namespace berth::api::core::v1 {
class EmptyDirVolumeSource;
class Volume;
}  // namespace berth::api::core::v1

namespace berth::agent {

class NodeVolumes : public PodVolumes {
 public:
  // What is passed by reference outlives the volumes. `root_dir` is an absolute path.
  NodeVolumes(std::string root_dir, Mounter& mounter, ObjectReader& objects, TokenIssuer issuer,
              base::Clock& clock);

  absl::StatusOr<MountedVolumes> SetUp(const api::core::v1::Pod& pod,
                                       absl::Duration timeout) override;
  absl::StatusOr<std::string> BindSubpath(const SubpathMount& mount) override;
  absl::Status TearDown(std::string_view pod_uid) override;

 private:
  absl::StatusOr<MountedVolume> SetUpOne(const api::core::v1::Pod& pod,
                                         const api::core::v1::Volume& volume);
  absl::Status SetUpEmptyDir(const api::core::v1::Pod& pod,
                             const api::core::v1::EmptyDirVolumeSource& source,
                             const std::string& path);
  absl::Status SetUpFiles(const api::core::v1::Pod& pod, const std::string& path, bool in_memory,
                          const Payload& payload);
  absl::Status EnsureTmpfs(const std::string& path, std::optional<int64_t> bytes);

  const std::string root_dir_;
  Mounter& mounter_;
  ObjectReader& objects_;
  TokenCache tokens_;
  base::Clock& clock_;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_VOLUMES_NODE_VOLUMES_H_
