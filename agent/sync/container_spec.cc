// SPDX-License-Identifier: Apache-2.0
#include "agent/sync/container_spec.h"

#include "agent/sync/pod_actions.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"

namespace berth::agent {

api::core::v1::Container AsContainer(const api::core::v1::EphemeralContainer& ephemeral) {
  // EphemeralContainerCommon has Container's fields under the same numbers, by the API's contract.
  api::core::v1::Container out;
  out.ParseFromString(ephemeral.ephemeral_container_common().SerializeAsString());
  return out;
}

api::core::v1::Container ContainerAt(const api::core::v1::Pod& pod, ContainerKind kind, int index) {
  switch (kind) {
    case ContainerKind::kInit:
      return pod.spec().init_containers(index);
    case ContainerKind::kEphemeral:
      return AsContainer(pod.spec().ephemeral_containers(index));
    case ContainerKind::kApp:
      break;
  }
  return pod.spec().containers(index);
}

std::string FieldPathOf(const api::core::v1::Pod& pod, std::string_view container) {
  for (const auto& c : pod.spec().containers()) {
    if (c.name() == container) return base::StrCat("spec.containers{", container, "}");
  }
  for (const auto& c : pod.spec().init_containers()) {
    if (c.name() == container) return base::StrCat("spec.initContainers{", container, "}");
  }
  for (const auto& c : pod.spec().ephemeral_containers()) {
    if (c.ephemeral_container_common().name() == container) {
      return base::StrCat("spec.ephemeralContainers{", container, "}");
    }
  }
  return "";
}

const api::core::v1::Container* FindContainerSpec(const api::core::v1::Pod& pod,
                                                  std::string_view name) {
  for (const auto& c : pod.spec().containers()) {
    if (c.name() == name) return &c;
  }
  for (const auto& c : pod.spec().init_containers()) {
    if (c.name() == name) return &c;
  }
  return nullptr;
}

}  // namespace berth::agent
