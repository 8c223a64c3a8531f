// SPDX-License-Identifier: Apache-2.0
// Deletes bootstrap tokens that have expired.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_TOKEN_CLEANER_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_TOKEN_CLEANER_H_

#include <string>

#include "absl/status/status.h"
#include "controlplane/controllers/context.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

class TokenCleaner : public Controller {
 public:
  explicit TokenCleaner(Context& context);
  void Begin() override;

 private:
  absl::Status Sync(const std::string& key);

  Context& context_;
  SyncQueue queue_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_TOKEN_CLEANER_H_
