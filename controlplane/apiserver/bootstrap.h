// SPDX-License-Identifier: Apache-2.0
// The objects that every cluster begins with.
#ifndef BERTH_CONTROLPLANE_APISERVER_BOOTSTRAP_H_
#define BERTH_CONTROLPLANE_APISERVER_BOOTSTRAP_H_

#include <string>

#include "absl/status/status.h"
#include "controlplane/apiserver/registry.h"

namespace berth::controlplane {

struct BootstrapFacts {
  std::string service_cidr;
  std::string address;  // of this API server
  int port = 6443;
};

// Makes what is missing; brings the endpoints of the service "kubernetes" up to date.
absl::Status BootstrapCluster(Registry& registry, const BootstrapFacts& facts);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_BOOTSTRAP_H_
