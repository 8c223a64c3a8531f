// SPDX-License-Identifier: Apache-2.0
// Groups by path across all hierarchies of the host: "kubepods/burstable/pod1" stands for one
// directory in each. cgroupfs only: nobody else writes below the top that we are given.
// Thread-safe; calls for one path must not overlap.
#ifndef BERTH_CGROUPS_TREE_H_
#define BERTH_CGROUPS_TREE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cgroups/directory.h"
#include "cgroups/hierarchy.h"
#include "cgroups/limits.h"

namespace berth::cgroups {

struct Usage {
  uint64_t cpu_ns = 0;
  uint64_t memory_bytes = 0;       // all that is charged
  uint64_t working_set_bytes = 0;  // without inactive file pages
};

class Tree {
 public:
  explicit Tree(Hierarchies hierarchies) : hierarchies_(std::move(hierarchies)) {}

  bool v2() const { return hierarchies_.v2; }

  // Makes the group and those above it, in every hierarchy that takes part: on v1 cpu, cpuacct,
  // cpuset, memory, pids, hugetlb and systemd's; on v2 with the controllers enabled down the path.
  absl::Status Create(std::string_view path) const;
  absl::Status Apply(std::string_view path, const Limits& limits) const;
  // Kills what runs in the group, then removes it with everything below, in all hierarchies (a
  // runtime makes groups in more of them than we do). FailedPrecondition while the dead processes
  // have not gone yet: call again soon.
  absl::Status Remove(std::string_view path) const;
  bool Exists(std::string_view path) const;
  // Groups below `path` in any hierarchy; none when there is no such group.
  std::vector<std::string> Children(std::string_view path) const;
  absl::StatusOr<Usage> ReadUsage(std::string_view path) const;

 private:
  absl::StatusOr<Directory> OpenAt(const Hierarchy& hierarchy, std::string_view path) const;
  absl::StatusOr<Directory> OpenFor(std::string_view controller, std::string_view path) const;

  const Hierarchies hierarchies_;
};

}  // namespace berth::cgroups

#endif  // BERTH_CGROUPS_TREE_H_
