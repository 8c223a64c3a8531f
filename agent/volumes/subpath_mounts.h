// SPDX-License-Identifier: Apache-2.0
// subPaths as mounts of their own: ROOT/pods/<uid>/volume-subpaths/<volume>/<container>/<index>. A
// container that can write to the volume may replace any name in it by a link at any time; what is
// mounted here is what was found when nobody could leave the volume, and stays that. Stateless.
#ifndef BERTH_AGENT_VOLUMES_SUBPATH_MOUNTS_H_
#define BERTH_AGENT_VOLUMES_SUBPATH_MOUNTS_H_

#include <string>

#include "absl/status/statusor.h"
#include "agent/volumes/mounter.h"
#include "agent/volumes/pod_volumes.h"

namespace berth::agent {

// Idempotent; a mount of something else, from an earlier instance, is replaced.
absl::StatusOr<std::string> MakeSubpathMount(const std::string& pod_dir, const SubpathMount& mount,
                                             Mounter& mounter);
// All of the pod's.
absl::Status RemoveSubpathMounts(const std::string& pod_dir, Mounter& mounter);

}  // namespace berth::agent

#endif  // BERTH_AGENT_VOLUMES_SUBPATH_MOUNTS_H_
