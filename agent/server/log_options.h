// SPDX-License-Identifier: Apache-2.0
// What `kubectl logs` asks for.
#ifndef BERTH_AGENT_SERVER_LOG_OPTIONS_H_
#define BERTH_AGENT_SERVER_LOG_OPTIONS_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "http/message.h"

namespace berth::agent {

struct LogOptions {
  bool follow = false, previous = false, timestamps = false;
  std::optional<int64_t> tail_lines, limit_bytes;
  std::optional<absl::Time> since;
};

// InvalidArgument for values that are none, are negative, or contradict each other.
absl::StatusOr<LogOptions> ParseLogOptions(const http::Target& target, absl::Time now);

}  // namespace berth::agent

#endif  // BERTH_AGENT_SERVER_LOG_OPTIONS_H_
