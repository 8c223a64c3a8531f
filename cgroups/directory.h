// SPDX-License-Identifier: Apache-2.0
// One cgroup of one hierarchy, held by its directory's descriptor: files are opened relative to it,
// so no name can lead elsewhere. Names are single components. Errors are those of the kernel.
// Thread-safe: const methods only.
#ifndef BERTH_CGROUPS_DIRECTORY_H_
#define BERTH_CGROUPS_DIRECTORY_H_

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "kernel/fd.h"

namespace berth::cgroups {

class Directory {
 public:
  static absl::StatusOr<Directory> Open(std::string_view path);

  absl::StatusOr<Directory> Child(std::string_view name) const;
  // Makes it when it is missing.
  absl::StatusOr<Directory> MakeChild(std::string_view name) const;
  absl::StatusOr<std::vector<std::string>> Children() const;  // names, sorted
  // Removes the child with everything below it. What is gone counts as removed; FailedPrecondition
  // while processes are in it.
  absl::Status RemoveTree(std::string_view name) const;

  absl::StatusOr<std::string> Read(std::string_view file) const;
  // The file must exist. One write, as the kernel wants it.
  absl::Status Write(std::string_view file, std::string_view text) const;
  bool Has(std::string_view file) const;

  // Processes in this group and in those below it, as our pid namespace numbers them.
  absl::StatusOr<std::vector<pid_t>> ProcessesBelow() const;

 private:
  explicit Directory(kernel::UniqueFd fd) : fd_(std::move(fd)) {}
  kernel::UniqueFd fd_;
};

}  // namespace berth::cgroups

#endif  // BERTH_CGROUPS_DIRECTORY_H_
