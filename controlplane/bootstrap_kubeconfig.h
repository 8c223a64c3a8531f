// SPDX-License-Identifier: Apache-2.0
// Inviting nodes: a bootstrap token, stored in a control plane that runs, and the kubeconfig with
// which a machine uses it.
#ifndef BERTH_CONTROLPLANE_BOOTSTRAP_KUBECONFIG_H_
#define BERTH_CONTROLPLANE_BOOTSTRAP_KUBECONFIG_H_

#include <string>

#include "absl/status/statusor.h"
#include "controlplane/config.h"

namespace berth::controlplane {

struct Invitation {
  std::string ttl = "24h";  // "0": without an end
  std::string description;
  std::string server;  // the URL that the kubeconfig names; "" is the one of admin.kubeconfig
};

// Asks the API server as the administrator of the data directory. Blocks for up to half a minute;
// Unavailable when no control plane answers.
absl::StatusOr<std::string> MakeBootstrapKubeconfig(const Config& config,
                                                    const Invitation& invitation);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_BOOTSTRAP_KUBECONFIG_H_
