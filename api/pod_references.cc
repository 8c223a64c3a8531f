// SPDX-License-Identifier: Apache-2.0
#include "api/pod_references.h"

#include <algorithm>

#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/pod_spec.pb.h"
#include "api/proto/core/v1/volumes.pb.h"

namespace berth::api {
namespace {

template <class Container>
std::string_view InEnvironment(const Container& container) {
  for (const auto& source : container.env_from()) {
    if (source.has_secret_ref()) return "secrets";
    if (source.has_config_map_ref()) return "configmaps";
  }
  for (const auto& variable : container.env()) {
    if (variable.value_from().has_secret_key_ref()) return "secrets";
    if (variable.value_from().has_config_map_key_ref()) return "configmaps";
  }
  return "";
}

std::string_view InProjection(const core::v1::VolumeProjection& source) {
  if (source.has_secret()) return "secrets";
  if (source.has_config_map()) return "configmaps";
  if (source.has_service_account_token()) return "serviceaccounts";
  if (source.has_cluster_trust_bundle()) return "clustertrustbundles";
  if (source.has_pod_certificate()) return "podcertificates";
  return "";
}

std::string_view InVolume(const core::v1::VolumeSource& source) {
  if (source.has_secret() || source.csi().has_node_publish_secret_ref() ||
      source.flex_volume().has_secret_ref() || source.iscsi().has_secret_ref() ||
      source.rbd().has_secret_ref() || source.cephfs().has_secret_ref() ||
      source.cinder().has_secret_ref() || source.scale_io().has_secret_ref() ||
      source.storageos().has_secret_ref() || source.has_azure_file()) {
    return "secrets";
  }
  if (source.has_config_map()) return "configmaps";
  if (source.has_persistent_volume_claim() || source.has_ephemeral()) {
    return "persistentvolumeclaims";
  }
  for (const auto& projection : source.projected().sources()) {
    if (const auto found = InProjection(projection); !found.empty()) return found;
  }
  return "";
}

}  // namespace

std::string_view ReferencedResource(const core::v1::PodSpec& spec) {
  if (!spec.service_account_name().empty() || !spec.service_account().empty()) {
    return "serviceaccounts";
  }
  if (!spec.image_pull_secrets().empty()) return "secrets";
  if (!spec.resource_claims().empty()) return "resourceclaims";
  for (const auto& volume : spec.volumes()) {
    if (const auto found = InVolume(volume.volume_source()); !found.empty()) return found;
  }
  for (const auto* containers : {&spec.containers(), &spec.init_containers()}) {
    for (const auto& container : *containers) {
      if (const auto found = InEnvironment(container); !found.empty()) return found;
    }
  }
  for (const auto& container : spec.ephemeral_containers()) {
    const auto found = InEnvironment(container.ephemeral_container_common());
    if (!found.empty()) return found;
  }
  return "";
}

}  // namespace berth::api
