// SPDX-License-Identifier: Apache-2.0
// Keeps the EndpointSlices and the Endpoints of each Service that has a selector.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_ENDPOINTS_CONTROLLER_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_ENDPOINTS_CONTROLLER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/controllers/context.h"
#include "controlplane/controllers/objects_fwd.h"
#include "controlplane/controllers/pending_writes.h"

namespace berth::controlplane {

class EndpointsController : public Controller {
 public:
  explicit EndpointsController(Context& context);
  void Begin() override;

 private:
  using Pod = api::core::v1::Pod;
  using Service = api::core::v1::Service;
  using EndpointSlice = api::discovery::v1::EndpointSlice;

  void OnPod(const Pod* before, const Pod* after);
  void OnNode(const api::core::v1::Node* before, const api::core::v1::Node* after);
  void OnSlice(const EndpointSlice& slice);
  void AddServicesOf(const Pod& pod);
  absl::Status Sync(const std::string& key);
  absl::Status SyncSlices(const std::string& key, const Service& service,
                          const std::vector<PodPtr>& pods);
  absl::Status SyncEndpoints(const std::string& key, const Service& service,
                             const std::vector<PodPtr>& pods);
  absl::Status Remove(const std::string& key);

  Context& context_;
  PendingWrites writes_;
  SyncQueue queue_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_ENDPOINTS_CONTROLLER_H_
