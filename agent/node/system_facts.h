// SPDX-License-Identifier: Apache-2.0
// What this machine is: read from /proc, /sys and /etc under a root directory that a test may make.
// Thread-safe: no state.
#ifndef BERTH_AGENT_NODE_SYSTEM_FACTS_H_
#define BERTH_AGENT_NODE_SYSTEM_FACTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace berth::agent {

struct SystemFacts {
  int cpus = 0;
  int64_t memory_bytes = 0;
  int64_t swap_bytes = 0;
  std::map<int64_t, int64_t> huge_pages;  // bytes of a page -> number of pages
  std::string machine_id, system_uuid, boot_id, kernel_version, os_image;
  std::string architecture;  // as Go names it: amd64, arm64
};

// Files that are missing leave their fact empty; without a processor count or memory size it fails.
absl::StatusOr<SystemFacts> ReadSystemFacts(std::string_view root = "/");

// Number of processors in "0-3,8".
int CountCpuList(std::string_view list);

struct FilesystemSize {
  int64_t capacity_bytes = 0, available_bytes = 0;
  int64_t inodes = 0, inodes_free = 0;
};
absl::StatusOr<FilesystemSize> ReadFilesystemSize(std::string_view path);

struct MemoryNow {
  int64_t total_bytes = 0, available_bytes = 0;
};
absl::StatusOr<MemoryNow> ReadMemoryNow(std::string_view root = "/");

// Processes now and the most there may be.
struct PidsNow {
  int64_t running = 0, max = 0;
};
absl::StatusOr<PidsNow> ReadPidsNow(std::string_view root = "/");

// Lines of /proc/swaps below its head.
int CountSwaps(std::string_view root = "/");

}  // namespace berth::agent

#endif  // BERTH_AGENT_NODE_SYSTEM_FACTS_H_
