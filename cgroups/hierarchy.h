// SPDX-License-Identifier: Apache-2.0
// Which cgroup hierarchies this process sees, from the text of /proc/self/mountinfo.
#ifndef BERTH_CGROUPS_HIERARCHY_H_
#define BERTH_CGROUPS_HIERARCHY_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace berth::cgroups {

struct Hierarchy {
  std::string mount_point;
  // v1: what is mounted there, "cpu", "cpuacct"; "name=systemd" for named ones. Empty for v2.
  std::vector<std::string> controllers;
  bool v2 = false;

  bool Has(std::string_view controller) const;
};

struct Hierarchies {
  // On a v1 or hybrid host every mount, the unified one included; on a v2 host the only one.
  std::vector<Hierarchy> all;
  // No controller that we set is mounted as v1.
  bool v2 = false;
};

// NotFound when no cgroup file system is mounted. A mount that a later one of the same hierarchy
// repeats is left out.
absl::StatusOr<Hierarchies> ParseMountInfo(std::string_view mountinfo);
absl::StatusOr<Hierarchies> DiscoverHierarchies();

}  // namespace berth::cgroups

#endif  // BERTH_CGROUPS_HIERARCHY_H_
