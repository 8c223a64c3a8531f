// SPDX-License-Identifier: Apache-2.0
// Groups by path across all hierarchies of the host: one path stands for a directory in each.
// Two drivers: Tree makes the directories itself ("kubepods/burstable/pod1"), Slices has systemd
// make them ("kubepods.slice/kubepods-burstable.slice/...").
// Thread-safe; calls for one path must not overlap. Errors are those of the kernel and of systemd.
#ifndef BERTH_CGROUPS_GROUPS_H_
#define BERTH_CGROUPS_GROUPS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cgroups/limits.h"

namespace berth::cgroups {

struct Usage {
  uint64_t cpu_ns = 0;
  uint64_t memory_bytes = 0;       // all that is charged
  uint64_t working_set_bytes = 0;  // without inactive file pages
  uint64_t processes = 0;          // threads too, as the kernel counts them
};

class Groups {
 public:
  virtual ~Groups() = default;

  // Makes the group and those above it, in every hierarchy that takes part: on v1 cpu, cpuacct,
  // cpuset, memory, pids, hugetlb and systemd's; on v2 with the controllers enabled down the path.
  virtual absl::Status Create(std::string_view path) = 0;
  virtual absl::Status Apply(std::string_view path, const Limits& limits) = 0;
  // Kills what runs in the group, then removes it with everything below, in all hierarchies (a
  // runtime makes groups in more of them than we do). FailedPrecondition while the dead processes
  // have not gone yet: call again soon.
  virtual absl::Status Remove(std::string_view path) = 0;
  virtual bool Exists(std::string_view path) const = 0;
  // Groups below `path` in any hierarchy; none when there is no such group.
  virtual std::vector<std::string> Children(std::string_view path) const = 0;
  virtual absl::StatusOr<Usage> ReadUsage(std::string_view path) const = 0;
};

}  // namespace berth::cgroups

#endif  // BERTH_CGROUPS_GROUPS_H_
