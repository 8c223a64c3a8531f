// SPDX-License-Identifier: Apache-2.0
// Deletes pods from nodes whose NoExecute taints they do not tolerate, or no longer.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_POD_EVICTION_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_POD_EVICTION_H_

#include <string>

#include "absl/status/status.h"
#include "controlplane/controllers/context.h"

namespace berth::controlplane {

class PodEviction : public Controller {
 public:
  PodEviction(Context& context, client::EventRecorder& events);
  void Begin() override;

 private:
  absl::Status Sync(const std::string& key);
  // The pod's status says why it goes.
  absl::Status NoteDisruption(const api::core::v1::Pod& pod);

  Context& context_;
  client::EventRecorder& events_;
  SyncQueue queue_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_POD_EVICTION_H_
