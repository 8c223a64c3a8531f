// SPDX-License-Identifier: Apache-2.0
// Numbers that may also be a percentage of something, such as maxUnavailable: 25%. Pure.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_SCALED_VALUE_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_SCALED_VALUE_H_

#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

enum class Rounding { kUp, kDown };

// The number, or that share of `total`; 0 for what is neither and for negative ones.
int ScaledValue(const api::IntOrString& value, int total, Rounding rounding);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_SCALED_VALUE_H_
