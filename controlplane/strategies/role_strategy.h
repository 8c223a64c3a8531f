// SPDX-License-Identifier: Apache-2.0
#ifndef BERTH_CONTROLPLANE_STRATEGIES_ROLE_STRATEGY_H_
#define BERTH_CONTROLPLANE_STRATEGIES_ROLE_STRATEGY_H_

#include "controlplane/apiserver/registry.h"

namespace berth::controlplane {

// Of roles, clusterroles and their bindings: nobody gives away what he does not have himself.
void AddRoleStrategies(Registry& registry);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_STRATEGIES_ROLE_STRATEGY_H_
