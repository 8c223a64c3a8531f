// SPDX-License-Identifier: Apache-2.0
// The checks of a hostPath volume's type.
#ifndef BERTH_AGENT_VOLUMES_HOST_PATH_H_
#define BERTH_AGENT_VOLUMES_HOST_PATH_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace berth::agent {

// Makes what "DirectoryOrCreate" and "FileOrCreate" ask for. FailedPrecondition
// "hostPath type check failed: /x is not a directory" when the type does not fit.
absl::Status CheckHostPath(const std::string& path, std::string_view type);

}  // namespace berth::agent

#endif  // BERTH_AGENT_VOLUMES_HOST_PATH_H_
