// SPDX-License-Identifier: Apache-2.0
// Defaults of pods and of what has a pod inside. For defaults*.cc.
#ifndef BERTH_API_DEFAULTS_POD_H_
#define BERTH_API_DEFAULTS_POD_H_

namespace berth::api {

namespace core::v1 {
class PodSpec;
class Volume;
}  // namespace core::v1

namespace internal {

// A PodSpec in a template; a Pod's own has more (below).
void DefaultPodSpec(core::v1::PodSpec& spec);
// Only in Pods: requests from limits, service links, host ports of the host's network.
void DefaultPodOnly(core::v1::PodSpec& spec);
void DefaultVolume(core::v1::Volume& volume);

}  // namespace internal
}  // namespace berth::api

#endif  // BERTH_API_DEFAULTS_POD_H_
