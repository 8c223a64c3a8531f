// SPDX-License-Identifier: Apache-2.0
#ifndef BERTH_CONTROLPLANE_APISERVER_BOOTSTRAP_ROLES_H_
#define BERTH_CONTROLPLANE_APISERVER_BOOTSTRAP_ROLES_H_

#include <string>
#include <vector>

namespace berth::controlplane {

// The ClusterRoles and ClusterRoleBindings that upstream makes and people rely on, as YAML.
std::vector<std::string> BootstrapRoles();

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_BOOTSTRAP_ROLES_H_
