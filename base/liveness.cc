// SPDX-License-Identifier: Apache-2.0
#include "base/liveness.h"

#include "base/status.h"

namespace berth::base {

absl::Status Liveness::Check() {
  if (!ran_->exchange(false)) {
    return MakeStatus(absl::StatusCode::kDeadlineExceeded, what_, " runs no tasks");
  }
  post_([ran = ran_] { *ran = true; });
  return absl::OkStatus();
}

absl::Status CheckAll(std::vector<Liveness>& all) {
  absl::Status result;
  for (Liveness& one : all) result.Update(one.Check());
  return result;
}

}  // namespace berth::base
