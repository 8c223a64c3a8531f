// SPDX-License-Identifier: Apache-2.0
// Which pods go first when there are too many. Pure.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_POD_RANK_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_POD_RANK_H_

#include <vector>

#include "absl/time/time.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

// Pods in the order in which they should be deleted: not yet assigned, pending, not ready, cheap by
// the pod-deletion-cost annotation, on a node with more `siblings`, ready for a shorter time (on a
// logarithmic scale, so that age alone does not always hit the same node), restarted more often,
// newer.
std::vector<PodPtr> RankForDeletion(std::vector<PodPtr> pods, const std::vector<PodPtr>& siblings,
                                    absl::Time now);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_POD_RANK_H_
