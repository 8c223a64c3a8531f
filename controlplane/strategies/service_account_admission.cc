// SPDX-License-Identifier: Apache-2.0
#include "controlplane/strategies/service_account_admission.h"

#include <algorithm>

#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/pod_spec.pb.h"
#include "api/proto/core/v1/volumes.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/apiserver/random_names.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Pod;
using api::core::v1::ServiceAccount;
using api::core::v1::Volume;
using base::StrCat;

constexpr const char* kMountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
constexpr std::string_view kVolumePrefix = "kube-api-access-";
constexpr int64_t kTokenSeconds = 3607;  // so that it is seen not to be what a user asked for

void FillAccessVolume(Volume& volume) {
  auto& projected = *volume.mutable_volume_source()->mutable_projected();
  projected.set_default_mode(0644);
  auto& token = *projected.add_sources()->mutable_service_account_token();
  token.set_path("token");
  token.set_expiration_seconds(kTokenSeconds);
  auto& ca = *projected.add_sources()->mutable_config_map();
  ca.mutable_local_object_reference()->set_name("kube-root-ca.crt");
  auto& item = *ca.add_items();
  item.set_key("ca.crt");
  item.set_path("ca.crt");
  auto& file = *projected.add_sources()->mutable_downward_api()->add_items();
  file.set_path("namespace");
  file.mutable_field_ref()->set_api_version("v1");
  file.mutable_field_ref()->set_field_path("metadata.namespace");
}

// True when a mount was added.
bool MountIn(api::core::v1::Container& container, const std::string& volume) {
  for (const auto& mount : container.volume_mounts()) {
    if (mount.mount_path() == kMountPath) return false;
  }
  auto& mount = *container.add_volume_mounts();
  mount.set_name(volume);
  mount.set_read_only(true);
  mount.set_mount_path(kMountPath);
  return true;
}

void MountToken(Pod& pod) {
  auto& spec = *pod.mutable_spec();
  std::string name;
  for (const Volume& volume : spec.volumes()) {
    if (std::string_view(volume.name()).starts_with(kVolumePrefix)) name = volume.name();
  }
  const bool there = !name.empty();
  if (!there) name = StrCat(kVolumePrefix, RandomSuffix(5));
  bool mounted = false;
  for (auto& container : *spec.mutable_containers()) mounted |= MountIn(container, name);
  for (auto& container : *spec.mutable_init_containers()) mounted |= MountIn(container, name);
  if (!mounted || there) return;
  Volume& volume = *spec.add_volumes();
  volume.set_name(name);
  FillAccessVolume(volume);
}

}  // namespace

absl::Status AdmitServiceAccount(const ObjectCache& cache, Pod& pod) {
  auto& spec = *pod.mutable_spec();
  if (spec.service_account_name().empty()) {
    spec.set_service_account_name(spec.service_account().empty() ? "default"
                                                                 : spec.service_account());
  }
  spec.set_service_account(spec.service_account_name());
  const auto found = cache.Get(*FindResource("", "v1", "serviceaccounts"),
                               pod.metadata().namespace_(), spec.service_account_name());
  if (!found.ok()) {
    return ForbiddenError({"", "pods", "Pod", pod.metadata().name()},
                          StrCat("error looking up service account ", pod.metadata().namespace_(),
                                 "/", spec.service_account_name(), ": serviceaccount \"",
                                 spec.service_account_name(), "\" not found"));
  }
  const auto& account = static_cast<const ServiceAccount&>(*found->object);
  if (spec.image_pull_secrets().empty()) {
    *spec.mutable_image_pull_secrets() = account.image_pull_secrets();
  }
  bool mount = true;
  if (account.has_automount_service_account_token()) {
    mount = account.automount_service_account_token();
  }
  if (spec.has_automount_service_account_token()) mount = spec.automount_service_account_token();
  if (mount) MountToken(pod);
  return absl::OkStatus();
}

}  // namespace berth::controlplane
