// SPDX-License-Identifier: Apache-2.0
// The volumes of a Pod on this node: made before its containers, kept fresh while it runs, removed
// when it is gone. Thread-safe; calls for one pod are serial (its worker makes them).
#ifndef BERTH_AGENT_VOLUMES_POD_VOLUMES_H_
#define BERTH_AGENT_VOLUMES_POD_VOLUMES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/strings.h"

namespace berth::api::core::v1 {
class Pod;
}

namespace berth::agent {

struct MountedVolume {
  std::string host_path;
  bool read_only = false;
};
// By the volume's name in the Pod.
using MountedVolumes = base::StringMap<MountedVolume>;

// A path inside a volume that a container mounts.
struct SubpathMount {
  std::string_view pod_uid, volume, container;
  int index = 0;  // of the mount in the container
  std::string_view volume_path, subpath;
};

class PodVolumes {
 public:
  virtual ~PodVolumes() = default;
  // Makes what is missing and refreshes what changed; idempotent, also after a restart of the
  // daemon. NotFound and the like name the volume and the object that is missing
  // (event FailedMount); the caller retries.
  virtual absl::StatusOr<MountedVolumes> SetUp(const api::core::v1::Pod& pod,
                                               absl::Duration timeout) = 0;
  // The host path to mount for it: one that leads to the same place whatever happens inside the
  // volume from now on. Missing directories are made; the errors are those of ResolveSubpath.
  virtual absl::StatusOr<std::string> BindSubpath(const SubpathMount& mount) = 0;
  // Unmounts and removes everything under <root>/pods/<uid>/volumes. NotFound is success.
  virtual absl::Status TearDown(std::string_view pod_uid) = 0;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_VOLUMES_POD_VOLUMES_H_
