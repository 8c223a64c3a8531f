// SPDX-License-Identifier: Apache-2.0
#ifndef BERTH_CONTROLPLANE_SUBRESOURCES_RULES_REVIEW_H_
#define BERTH_CONTROLPLANE_SUBRESOURCES_RULES_REVIEW_H_

#include "controlplane/subresources/subresources.h"

namespace berth::controlplane {

// selfsubjectrulesreviews: what `kubectl auth can-i --list` shows.
void AddRulesReview(const ObjectCache& cache, SubresourceTable& table);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_SUBRESOURCES_RULES_REVIEW_H_
