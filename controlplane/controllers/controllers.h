// SPDX-License-Identifier: Apache-2.0
// The scheduler and every controller of the control plane, over one set of informers. The
// composition root makes one of these beside the API server and calls Start() once requests can be
// served.
//
// Everything is level-triggered: on start all objects are looked at once, afterwards only what a
// change touches. Errors are retried with back-off; nothing here ends the process. Thread-safe.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_CONTROLLERS_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_CONTROLLERS_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "client/api_client.h"
#include "controlplane/pki/certificate.h"

namespace berth::controlplane {

struct ControllerOptions {
  std::string cluster_cidr = "10.244.0.0/16";  // "" leaves podCIDRs to others
  int node_cidr_mask_size = 24;
  std::string ca_bundle;  // PEM, published as ConfigMap kube-root-ca.crt in each namespace
  absl::Duration node_monitor_grace = absl::Seconds(50);
  absl::Duration node_monitor_period = absl::Seconds(5);
  int terminated_pod_threshold = 12500;  // finished pods kept before the oldest go
  KeyPair authority;                     // signs what CertificateSigningRequests ask for
  absl::Duration signing_duration = absl::Hours(24 * 365);  // the longest life of what it signs
  int worker_threads = 4;
};

class Controllers {
 public:
  // `api` is allowed everything (an in-process transport as system:masters); it and `clock` outlive
  // this object.
  Controllers(client::ApiClient& api, base::Clock& clock, ControllerOptions options);
  ~Controllers();  // stops everything and waits for handlers that run
  Controllers(const Controllers&) = delete;
  Controllers& operator=(const Controllers&) = delete;

  // Returns at once; the informers fill in the background.
  void Start();
  // True once the informers have their first list and every controller has begun.
  bool Started() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_CONTROLLERS_H_
