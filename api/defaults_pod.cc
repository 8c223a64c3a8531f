// SPDX-License-Identifier: Apache-2.0
#include "api/defaults_pod.h"

#include <string_view>

#include "api/proto/core/v1/pod_spec.pb.h"

namespace berth::api::internal {
namespace {

void DefaultHttpGet(core::v1::HTTPGetAction& get) {
  if (get.path().empty()) get.set_path("/");
  if (get.scheme().empty()) get.set_scheme("HTTP");
}

void DefaultProbe(core::v1::Probe& probe) {
  if (probe.timeout_seconds() == 0) probe.set_timeout_seconds(1);
  if (probe.period_seconds() == 0) probe.set_period_seconds(10);
  if (probe.success_threshold() == 0) probe.set_success_threshold(1);
  if (probe.failure_threshold() == 0) probe.set_failure_threshold(3);
  if (probe.handler().has_http_get()) DefaultHttpGet(*probe.mutable_handler()->mutable_http_get());
  if (probe.handler().has_grpc() && !probe.handler().grpc().has_service()) {
    probe.mutable_handler()->mutable_grpc()->set_service("");
  }
}

void DefaultLifecycle(core::v1::Lifecycle& lifecycle) {
  if (lifecycle.post_start().has_http_get()) {
    DefaultHttpGet(*lifecycle.mutable_post_start()->mutable_http_get());
  }
  if (lifecycle.pre_stop().has_http_get()) {
    DefaultHttpGet(*lifecycle.mutable_pre_stop()->mutable_http_get());
  }
}

// "latest" by name or by silence; a digest alone is no tag.
bool MeansLatest(std::string_view image) {
  if (image.find('@') != std::string_view::npos) {
    image = image.substr(0, image.find('@'));
    const size_t colon = image.find(':', image.rfind('/') + 1);
    return colon != std::string_view::npos && image.substr(colon + 1) == "latest";
  }
  const size_t slash = image.rfind('/');
  const size_t colon = image.find(':', slash == std::string_view::npos ? 0 : slash);
  return colon == std::string_view::npos || image.substr(colon + 1) == "latest";
}

std::string_view PullPolicy(std::string_view image) {
  return MeansLatest(image) ? "Always" : "IfNotPresent";
}

void DefaultFieldRef(core::v1::ObjectFieldSelector& reference) {
  if (reference.api_version().empty()) reference.set_api_version("v1");
}

template <class Container>
void DefaultContainer(Container& container) {
  if (container.image_pull_policy().empty()) {
    container.set_image_pull_policy(std::string(PullPolicy(container.image())));
  }
  if (container.termination_message_path().empty()) {
    container.set_termination_message_path("/dev/termination-log");
  }
  if (container.termination_message_policy().empty()) {
    container.set_termination_message_policy("File");
  }
  for (auto& port : *container.mutable_ports()) {
    if (port.protocol().empty()) port.set_protocol("TCP");
  }
  for (auto& env : *container.mutable_env()) {
    if (env.value_from().has_field_ref()) {
      DefaultFieldRef(*env.mutable_value_from()->mutable_field_ref());
    }
    if (env.value_from().has_file_key_ref() && !env.value_from().file_key_ref().has_optional()) {
      env.mutable_value_from()->mutable_file_key_ref()->set_optional(false);
    }
  }
  if (container.has_liveness_probe()) DefaultProbe(*container.mutable_liveness_probe());
  if (container.has_readiness_probe()) DefaultProbe(*container.mutable_readiness_probe());
  if (container.has_startup_probe()) DefaultProbe(*container.mutable_startup_probe());
  if (container.has_lifecycle()) DefaultLifecycle(*container.mutable_lifecycle());
}

void DefaultRequests(core::v1::ResourceRequirements& resources) {
  for (const auto& [name, limit] : resources.limits()) {
    if (!resources.requests().contains(name)) (*resources.mutable_requests())[name] = limit;
  }
}

template <class Containers>
void DefaultPodContainers(Containers& containers, bool host_network) {
  for (auto& container : containers) {
    if (container.resources().limits_size() > 0) DefaultRequests(*container.mutable_resources());
    if (!host_network) continue;
    for (auto& port : *container.mutable_ports()) {
      if (port.host_port() == 0) port.set_host_port(port.container_port());
    }
  }
}

bool HasSource(const core::v1::VolumeSource& source) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  source.GetReflection()->ListFields(source, &fields);
  return !fields.empty();
}

template <class Items>
void DefaultDownwardItems(Items& items) {
  for (auto& item : items) {
    if (item.has_field_ref()) DefaultFieldRef(*item.mutable_field_ref());
  }
}

constexpr int kDefaultMode = 0644;
constexpr int64_t kDefaultTokenSeconds = 3600;

void DefaultProjected(core::v1::ProjectedVolumeSource& projected) {
  if (!projected.has_default_mode()) projected.set_default_mode(kDefaultMode);
  for (auto& source : *projected.mutable_sources()) {
    if (source.has_service_account_token() &&
        !source.service_account_token().has_expiration_seconds()) {
      source.mutable_service_account_token()->set_expiration_seconds(kDefaultTokenSeconds);
    }
    if (source.has_downward_api()) {
      DefaultDownwardItems(*source.mutable_downward_api()->mutable_items());
    }
  }
}

void DefaultNetworkVolume(core::v1::VolumeSource& source) {
  if (source.has_iscsi() && source.iscsi().iscsi_interface().empty()) {
    source.mutable_iscsi()->set_iscsi_interface("default");
  }
  if (source.has_rbd()) {
    auto& rbd = *source.mutable_rbd();
    if (rbd.pool().empty()) rbd.set_pool("rbd");
    if (rbd.user().empty()) rbd.set_user("admin");
    if (rbd.keyring().empty()) rbd.set_keyring("/etc/ceph/keyring");
  }
  if (source.has_ephemeral() && source.ephemeral().has_volume_claim_template()) {
    auto& claim = *source.mutable_ephemeral()->mutable_volume_claim_template()->mutable_spec();
    if (!claim.has_volume_mode()) claim.set_volume_mode("Filesystem");
  }
}

}  // namespace

void DefaultVolume(core::v1::Volume& volume) {
  auto& source = *volume.mutable_volume_source();
  if (!HasSource(source)) source.mutable_empty_dir();
  if (source.has_host_path() && !source.host_path().has_type()) {
    source.mutable_host_path()->set_type("");
  }
  if (source.has_secret() && !source.secret().has_default_mode()) {
    source.mutable_secret()->set_default_mode(kDefaultMode);
  }
  if (source.has_config_map() && !source.config_map().has_default_mode()) {
    source.mutable_config_map()->set_default_mode(kDefaultMode);
  }
  if (source.has_downward_api()) {
    auto& downward = *source.mutable_downward_api();
    if (!downward.has_default_mode()) downward.set_default_mode(kDefaultMode);
    DefaultDownwardItems(*downward.mutable_items());
  }
  if (source.has_projected()) DefaultProjected(*source.mutable_projected());
  if (source.has_image() && source.image().pull_policy().empty()) {
    source.mutable_image()->set_pull_policy(std::string(PullPolicy(source.image().reference())));
  }
  DefaultNetworkVolume(source);
}

void DefaultPodSpec(core::v1::PodSpec& spec) {
  if (spec.restart_policy().empty()) spec.set_restart_policy("Always");
  if (spec.dns_policy().empty()) spec.set_dns_policy("ClusterFirst");
  if (spec.scheduler_name().empty()) spec.set_scheduler_name("default-scheduler");
  if (!spec.has_termination_grace_period_seconds()) spec.set_termination_grace_period_seconds(30);
  if (!spec.has_security_context()) spec.mutable_security_context();
  // The deprecated name and the present one are one field to upstream.
  if (spec.service_account_name().empty() && !spec.service_account().empty()) {
    spec.set_service_account_name(spec.service_account());
  }
  if (!spec.service_account_name().empty()) spec.set_service_account(spec.service_account_name());
  for (auto& volume : *spec.mutable_volumes()) DefaultVolume(volume);
  for (auto& container : *spec.mutable_init_containers()) DefaultContainer(container);
  for (auto& container : *spec.mutable_containers()) DefaultContainer(container);
  for (auto& container : *spec.mutable_ephemeral_containers()) {
    DefaultContainer(*container.mutable_ephemeral_container_common());
  }
}

void DefaultPodOnly(core::v1::PodSpec& spec) {
  if (!spec.has_enable_service_links()) spec.set_enable_service_links(true);
  DefaultPodContainers(*spec.mutable_init_containers(), spec.host_network());
  DefaultPodContainers(*spec.mutable_containers(), spec.host_network());
  if (spec.resources().limits_size() > 0) DefaultRequests(*spec.mutable_resources());
}

}  // namespace berth::api::internal
