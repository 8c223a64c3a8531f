// SPDX-License-Identifier: Apache-2.0
// Files with keys in them.
#ifndef BERTH_AGENT_CERTS_PEM_FILE_H_
#define BERTH_AGENT_CERTS_PEM_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace berth::agent {

absl::StatusOr<std::string> ReadPemFile(const std::string& path);
// Mode 0600, under another name first so that a reader never sees half a file, and on disk when it
// returns.
absl::Status WritePemFile(const std::string& path, std::string_view text);

}  // namespace berth::agent

#endif  // BERTH_AGENT_CERTS_PEM_FILE_H_
