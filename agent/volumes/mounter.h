// SPDX-License-Identifier: Apache-2.0
// Mounts that volumes need. Thread-safe.
#ifndef BERTH_AGENT_VOLUMES_MOUNTER_H_
#define BERTH_AGENT_VOLUMES_MOUNTER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace berth::agent {

class Mounter {
 public:
  virtual ~Mounter() = default;
  // A tmpfs on the directory `path`; without a size the kernel's default (half of memory).
  virtual absl::Status MountTmpfs(const std::string& path, std::optional<int64_t> bytes) = 0;
  // What the descriptor is open on, a directory or a file, at `path`, which is the same kind.
  virtual absl::Status Bind(int descriptor, const std::string& path) = 0;
  virtual absl::StatusOr<bool> IsMounted(const std::string& path) = 0;
  // Takes every mount off `path`, which is no link; not mounted is success.
  virtual absl::Status Unmount(const std::string& path) = 0;
};

class SystemMounter : public Mounter {
 public:
  absl::Status MountTmpfs(const std::string& path, std::optional<int64_t> bytes) override;
  absl::Status Bind(int descriptor, const std::string& path) override;
  absl::StatusOr<bool> IsMounted(const std::string& path) override;
  absl::Status Unmount(const std::string& path) override;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_VOLUMES_MOUNTER_H_
