// SPDX-License-Identifier: Apache-2.0
// A pod's containers of every kind under one roof.
#ifndef BERTH_AGENT_SYNC_CONTAINER_SPEC_H_
#define BERTH_AGENT_SYNC_CONTAINER_SPEC_H_

#include <string>
#include <string_view>

namespace berth::api::core::v1 {
class Container;
class EphemeralContainer;
class Pod;
}  // namespace berth::api::core::v1

namespace berth::agent {

enum class ContainerKind;

// An ephemeral container seen as a container: the same fields under another name.
api::core::v1::Container AsContainer(const api::core::v1::EphemeralContainer& ephemeral);
// A copy of the container of that kind and position.
api::core::v1::Container ContainerAt(const api::core::v1::Pod& pod, ContainerKind kind, int index);
// "spec.containers{app}", "spec.initContainers{init}", "spec.ephemeralContainers{debug}": where an
// event about the container points; "" when the pod has none of that name.
std::string FieldPathOf(const api::core::v1::Pod& pod, std::string_view container);
// An app or init container; nullptr when there is none.
const api::core::v1::Container* FindContainerSpec(const api::core::v1::Pod& pod,
                                                  std::string_view name);

}  // namespace berth::agent

#endif  // BERTH_AGENT_SYNC_CONTAINER_SPEC_H_
