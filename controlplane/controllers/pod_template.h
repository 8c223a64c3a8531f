// SPDX-License-Identifier: Apache-2.0
// Pod templates: are two the same, and the hash that names a ReplicaSet. Pure.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_POD_TEMPLATE_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_POD_TEMPLATE_H_

#include <string>
#include <string_view>

#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

inline constexpr std::string_view kPodTemplateHash = "pod-template-hash";

// A short name for the template, made of characters that form no words. `collision_count` gives
// another one for the same template when a foreign ReplicaSet already has the name.
std::string HashTemplate(const api::core::v1::PodTemplateSpec& pod_template, int collision_count);

// Equal but for the label pod-template-hash.
bool SameTemplate(const api::core::v1::PodTemplateSpec& a, const api::core::v1::PodTemplateSpec& b);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_POD_TEMPLATE_H_
