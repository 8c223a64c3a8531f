// SPDX-License-Identifier: Apache-2.0
// A path inside a volume that a pod names and a container may have filled with symlinks.
#ifndef BERTH_AGENT_SYNC_SUBPATH_H_
#define BERTH_AGENT_SYNC_SUBPATH_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "kernel/fd.h"

namespace berth::agent {

// The real host path of `subpath` below `volume`: the kernel resolves it and never leaves the
// volume. Missing directories are made. InvalidArgument for absolute paths and "..".
absl::StatusOr<std::string> ResolveSubpath(std::string_view volume, std::string_view subpath);
// The same, open (O_PATH): what it stands for does not change with names.
absl::StatusOr<kernel::UniqueFd> OpenSubpath(std::string_view volume, std::string_view subpath);

// $(VAR) by `env`; unlike elsewhere an undefined variable is an error.
absl::StatusOr<std::string> ExpandSubpath(
    std::string_view expression, const std::vector<std::pair<std::string, std::string>>& env);

}  // namespace berth::agent

#endif  // BERTH_AGENT_SYNC_SUBPATH_H_
