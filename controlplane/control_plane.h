// SPDX-License-Identifier: Apache-2.0
// The whole control plane of one process: store, API server, its listeners, controllers.
#ifndef BERTH_CONTROLPLANE_CONTROL_PLANE_H_
#define BERTH_CONTROLPLANE_CONTROL_PLANE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "controlplane/config.h"

namespace berth::controlplane {

class ControlPlane {
 public:
  // Everything is up when it returns: the store is open and requests are served. `version` is what
  // the server reports, "v1.35.0+berth.0.1.0".
  static absl::StatusOr<std::unique_ptr<ControlPlane>> Start(const Config& config,
                                                             const std::string& version);
  // OK while the threads run what they are given and the store answers; asked about every ten
  // seconds by one thread.
  absl::Status Health();
  ~ControlPlane();  // stops in reverse order; every acknowledged write is on disk already

 private:
  struct Parts;
  ControlPlane();
  std::unique_ptr<Parts> parts_;
};

// A kubeconfig with a certificate for the node of this name. "" as server is the configured one.
absl::StatusOr<std::string> NodeKubeconfig(const Config& config, const std::string& node,
                                           const std::string& server);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROL_PLANE_H_
