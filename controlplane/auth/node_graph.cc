// SPDX-License-Identifier: Apache-2.0
#include "controlplane/auth/node_graph.h"

#include <algorithm>
#include <functional>
#include <string>

#include "api/proto/core/v1/persistent_volume.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/volumes.pb.h"
#include "api/proto/storage/v1/storage.pb.h"
#include "base/strings.h"

namespace berth::controlplane {
namespace {

using api::core::v1::PersistentVolume;
using api::core::v1::Pod;

constexpr const char* kMirror = "kubernetes.io/config.mirror";

template <class Container>
bool EnvironmentNames(const Container& container, std::string_view resource,
                      std::string_view name) {
  const bool secrets = resource == "secrets";
  for (const auto& source : container.env_from()) {
    const auto& found = secrets ? source.secret_ref().local_object_reference().name()
                                : source.config_map_ref().local_object_reference().name();
    if (found == name) return true;
  }
  for (const auto& variable : container.env()) {
    const auto& from = variable.value_from();
    const auto& found = secrets ? from.secret_key_ref().local_object_reference().name()
                                : from.config_map_key_ref().local_object_reference().name();
    if (found == name) return true;
  }
  return false;
}

bool ContainersName(const Pod& pod, std::string_view resource, std::string_view name) {
  const auto& spec = pod.spec();
  for (const auto* containers : {&spec.containers(), &spec.init_containers()}) {
    for (const auto& container : *containers) {
      if (EnvironmentNames(container, resource, name)) return true;
    }
  }
  return std::any_of(spec.ephemeral_containers().begin(), spec.ephemeral_containers().end(),
                     [&](const auto& container) {
                       return EnvironmentNames(container.ephemeral_container_common(), resource,
                                               name);
                     });
}

bool VolumeNames(const Pod& pod, const api::core::v1::Volume& volume, std::string_view resource,
                 std::string_view name) {
  const auto& source = volume.volume_source();
  if (resource == "persistentvolumeclaims") {
    if (source.persistent_volume_claim().claim_name() == name) return true;
    // The claim of a generic ephemeral volume is called after pod and volume.
    return source.has_ephemeral() &&
           base::StrCat(pod.metadata().name(), "-", volume.name()) == name;
  }
  if (resource == "secrets") {
    for (const std::string* secret :
         {&source.secret().secret_name(), &source.csi().node_publish_secret_ref().name(),
          &source.flex_volume().secret_ref().name(), &source.iscsi().secret_ref().name(),
          &source.rbd().secret_ref().name(), &source.cephfs().secret_ref().name(),
          &source.azure_file().secret_name()}) {
      if (*secret == name) return true;
    }
  }
  if (resource == "configmaps" && source.config_map().local_object_reference().name() == name) {
    return true;
  }
  for (const auto& projection : source.projected().sources()) {
    const auto& found = resource == "secrets"
                            ? projection.secret().local_object_reference().name()
                            : projection.config_map().local_object_reference().name();
    if (found == name) return true;
  }
  return false;
}

bool PodNames(const Pod& pod, std::string_view resource, std::string_view name) {
  const auto& spec = pod.spec();
  if (resource == "serviceaccounts") return spec.service_account_name() == name;
  if (resource == "secrets") {
    for (const auto& secret : spec.image_pull_secrets()) {
      if (secret.name() == name) return true;
    }
  }
  if (std::any_of(spec.volumes().begin(), spec.volumes().end(),
                  [&](const auto& volume) { return VolumeNames(pod, volume, resource, name); })) {
    return true;
  }
  return resource != "persistentvolumeclaims" && ContainersName(pod, resource, name);
}

bool SomePodNames(const ObjectCache& cache, std::string_view node, std::string_view resource,
                  std::string_view namespace_, std::string_view name) {
  const auto pods = cache.List(*FindResource("", "v1", "pods"), namespace_);
  return std::any_of(pods.objects.begin(), pods.objects.end(), [&](const CachedObject& object) {
    const auto& pod = static_cast<const Pod&>(*object.object);
    return pod.spec().node_name() == node && !pod.metadata().annotations().contains(kMirror) &&
           PodNames(pod, resource, name);
  });
}

// Volumes whose claim a pod of the node uses.
bool UsesVolume(const ObjectCache& cache, std::string_view node, const PersistentVolume& volume) {
  const auto& claim = volume.spec().claim_ref();
  return !claim.name().empty() &&
         SomePodNames(cache, node, "persistentvolumeclaims", claim.namespace_(), claim.name());
}

// The node's own secrets of a volume's driver; those for attaching are the controller's.
bool VolumeNeedsSecret(const PersistentVolume& volume, std::string_view namespace_,
                       std::string_view name) {
  const auto& csi = volume.spec().persistent_volume_source().csi();
  for (const auto* reference : {&csi.node_publish_secret_ref(), &csi.node_stage_secret_ref(),
                                &csi.node_expand_secret_ref()}) {
    if (reference->name() == name && reference->namespace_() == namespace_) return true;
  }
  return false;
}

bool SomeVolumeNeedsSecret(const ObjectCache& cache, std::string_view node,
                           std::string_view namespace_, std::string_view name) {
  const auto volumes = cache.List(*FindResource("", "v1", "persistentvolumes"), "");
  return std::any_of(volumes.objects.begin(), volumes.objects.end(), [&](const auto& object) {
    const auto& volume = static_cast<const PersistentVolume&>(*object.object);
    return VolumeNeedsSecret(volume, namespace_, name) && UsesVolume(cache, node, volume);
  });
}

}  // namespace

bool NodeLeadsTo(const ObjectCache& cache, std::string_view node, std::string_view resource,
                 std::string_view namespace_, std::string_view name) {
  if (name.empty()) return false;
  if (resource == "persistentvolumes") {
    const auto volume = cache.Get(*FindResource("", "v1", resource), "", name);
    return volume.ok() &&
           UsesVolume(cache, node, static_cast<const PersistentVolume&>(*volume->object));
  }
  if (resource == "volumeattachments") {
    const auto found = cache.Get(*FindResource("storage.k8s.io", "v1", resource), "", name);
    return found.ok() && static_cast<const api::storage::v1::VolumeAttachment&>(*found->object)
                                 .spec()
                                 .node_name() == node;
  }
  const bool known = resource == "secrets" || resource == "configmaps" ||
                     resource == "persistentvolumeclaims" || resource == "serviceaccounts";
  if (!known || namespace_.empty()) return false;
  return SomePodNames(cache, node, resource, namespace_, name) ||
         (resource == "secrets" && SomeVolumeNeedsSecret(cache, node, namespace_, name));
}

bool IsPodOfNode(const ObjectCache& cache, std::string_view node, std::string_view namespace_,
                 std::string_view name) {
  const auto pod = cache.Get(*FindResource("", "v1", "pods"), namespace_, name);
  return pod.ok() && static_cast<const Pod&>(*pod->object).spec().node_name() == node;
}

}  // namespace berth::controlplane
