// SPDX-License-Identifier: Apache-2.0
#include "agent/resources/reserved_cgroups.h"

#include "base/status.h"
#include "base/strings.h"
#include "cgroups/limits.h"

namespace berth::agent {

absl::Status EnforceReserved(cgroups::Groups& groups, const std::string& group,
                             const Amounts& reserved, Reserved what) {
  const std::string path = group.substr(
      group.find_first_not_of('/') == group.npos ? group.size() : group.find_first_not_of('/'));
  // Limits of the top would be everybody's.
  if (path.empty()) return base::InvalidArgument("\"", group, "\" is no cgroup of its own");
  if (!groups.Exists(path)) return base::NotFound("\"", group, "\" cgroup does not exist");
  cgroups::Limits limits;
  if (const auto cpu = reserved.find("cpu"); cpu != reserved.end()) {
    limits.cpu_shares = cgroups::SharesFromMilliCpu(cpu->second);
  }
  if (what == Reserved::kAll) {
    if (const auto memory = reserved.find("memory"); memory != reserved.end()) {
      limits.memory_bytes = memory->second;
    }
    if (const auto pids = reserved.find("pid"); pids != reserved.end()) limits.pids = pids->second;
  }
  return groups.Apply(path, limits);
}

}  // namespace berth::agent
