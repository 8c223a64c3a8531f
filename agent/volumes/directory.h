// SPDX-License-Identifier: Apache-2.0
// Directories that hold pods' data, through descriptors: no operation follows a symbolic link or
// leaves the filesystem it began on. Thread-safe: no state.
#ifndef BERTH_AGENT_VOLUMES_DIRECTORY_H_
#define BERTH_AGENT_VOLUMES_DIRECTORY_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "kernel/fd.h"

namespace berth::agent {

// Makes the directories of `path` that are missing (0750) and opens the last one.
absl::StatusOr<kernel::UniqueFd> MakeDirectory(const std::string& path);
// NotFound when absent; FailedPrecondition when it is something else or a link.
absl::StatusOr<kernel::UniqueFd> OpenDirectory(const std::string& path);
absl::StatusOr<kernel::UniqueFd> OpenDirectoryAt(int parent, const std::string& name);

// Names in the directory without "." and "..", sorted.
absl::StatusOr<std::vector<std::string>> ListDirectory(int directory);

// Removes parent/name with everything below. A mount inside is an error and stays untouched.
// NotFound is success.
absl::Status RemoveTreeAt(int parent, const std::string& name);

// The whole text of parent/name; NotFound when absent.
absl::StatusOr<std::string> ReadFileAt(int parent, const std::string& name);
// Makes parent/name, which must not exist, with exactly this mode and owner.
absl::Status WriteNewFileAt(int parent, const std::string& name, std::string_view content,
                            mode_t mode, std::optional<uid_t> uid, std::optional<gid_t> gid);
// What the link says; NotFound when absent or no link.
absl::StatusOr<std::string> ReadLinkAt(int parent, const std::string& name);

}  // namespace berth::agent

#endif  // BERTH_AGENT_VOLUMES_DIRECTORY_H_
