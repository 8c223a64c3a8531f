// SPDX-License-Identifier: Apache-2.0
#ifndef BERTH_AGENT_LOGS_GZIP_FILE_H_
#define BERTH_AGENT_LOGS_GZIP_FILE_H_

#include <string>

#include "absl/status/status.h"

namespace berth::agent {

// Replaces the file by `path`.gz, by way of `path`.tmp. A crash leaves the file and perhaps one of
// the others, never half of it under its final name.
absl::Status GzipFile(const std::string& path);

}  // namespace berth::agent

#endif  // BERTH_AGENT_LOGS_GZIP_FILE_H_
