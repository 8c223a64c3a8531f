// SPDX-License-Identifier: Apache-2.0
// What a pod's status says, in the terms controllers decide by. Pure.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_POD_STATE_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_POD_STATE_H_

#include <string_view>

#include "absl/time/time.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

absl::Time ToTime(const api::Time& time);
// Whole seconds, as upstream stores them.
void SetTime(absl::Time time, api::Time& out);

// nullptr when the pod has no such condition.
const api::core::v1::PodCondition* FindCondition(const api::core::v1::Pod& pod,
                                                 std::string_view type);
bool IsReady(const api::core::v1::Pod& pod);
// Ready for at least `min_ready`.
bool IsAvailable(const api::core::v1::Pod& pod, absl::Duration min_ready, absl::Time now);
// When a ready pod becomes available; InfiniteFuture while it is not ready.
absl::Time AvailableAt(const api::core::v1::Pod& pod, absl::Duration min_ready);
bool IsTerminating(const api::core::v1::Pod& pod);  // has a deletion timestamp
bool IsFinished(const api::core::v1::Pod& pod);     // Succeeded or Failed
bool IsActive(const api::core::v1::Pod& pod);       // neither finished nor terminating

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_POD_STATE_H_
