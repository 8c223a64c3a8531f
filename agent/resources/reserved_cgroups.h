// SPDX-License-Identifier: Apache-2.0
// What is kept for the system and for Kubernetes' own daemons, as limits of their cgroups.
#ifndef BERTH_AGENT_RESOURCES_RESERVED_CGROUPS_H_
#define BERTH_AGENT_RESOURCES_RESERVED_CGROUPS_H_

#include <string>

#include "absl/status/status.h"
#include "agent/resources/quantities.h"
#include "cgroups/groups.h"

namespace berth::agent {

enum class Reserved { kAll, kCompressible };  // the second: shares of processors only

// `group` is the administrator's, with or without a leading slash, and must be there: NotFound
// else.
absl::Status EnforceReserved(cgroups::Groups& groups, const std::string& group,
                             const Amounts& reserved, Reserved what);

}  // namespace berth::agent

#endif  // BERTH_AGENT_RESOURCES_RESERVED_CGROUPS_H_
