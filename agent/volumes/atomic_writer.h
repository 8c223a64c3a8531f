// SPDX-License-Identifier: Apache-2.0
// Files that change all at once: written to a new directory, then one rename moves the link
// "..data" to it. A reader that opened "..data" sees the old files or the new ones, never a mix.
// The layout is the kubelet's, since programs watch it.
#ifndef BERTH_AGENT_VOLUMES_ATOMIC_WRITER_H_
#define BERTH_AGENT_VOLUMES_ATOMIC_WRITER_H_

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace berth::agent {

struct VolumeFile {
  std::string content;
  mode_t mode = 0644;
  std::optional<uid_t> uid;
};
using Payload = std::map<std::string, VolumeFile>;  // by relative path

// Makes the directory show exactly `payload`. True when something was written: an unchanged payload
// touches nothing. `group` owns files and directories when given, and may read them.
// InvalidArgument for a path that is absolute, empty, or leads up.
absl::StatusOr<bool> WritePayload(const std::string& directory, const Payload& payload,
                                  std::optional<gid_t> group, absl::Time now);

}  // namespace berth::agent

#endif  // BERTH_AGENT_VOLUMES_ATOMIC_WRITER_H_
