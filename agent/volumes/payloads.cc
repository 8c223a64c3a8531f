// SPDX-License-Identifier: Apache-2.0
#include "agent/volumes/payloads.h"

#include "agent/env/downward.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/containers.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/volumes.pb.h"
#include "base/status.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;

constexpr mode_t kDefaultMode = 0644;

template <class Source>
mode_t DefaultMode(const Source& source) {
  return source.has_default_mode() ? static_cast<mode_t>(source.default_mode()) : kDefaultMode;
}

// The keys that `source` selects, or all of them.
template <class Source>
absl::Status Select(const Source& source, const std::map<std::string, std::string>& data,
                    std::string_view kind, mode_t mode, Payload& out) {
  if (source.items().empty()) {
    for (const auto& [key, value] : data) out[key] = VolumeFile{value, mode, std::nullopt};
    return absl::OkStatus();
  }
  for (const core::KeyToPath& item : source.items()) {
    const auto at = data.find(item.key());
    if (at == data.end()) {
      if (source.optional()) continue;
      return base::FailedPrecondition("references non-existent ", kind, " key: ", item.key());
    }
    out[item.path()] = VolumeFile{
        at->second, item.has_mode() ? static_cast<mode_t>(item.mode()) : mode, std::nullopt};
  }
  return absl::OkStatus();
}

}  // namespace

template <class Source>
absl::Status PayloadMaker::AddConfigMap(const Source& source, const std::string& name, mode_t mode,
                                        Payload& out) {
  auto map = objects_.GetConfigMap(pod_.metadata().namespace_(), name);
  if (absl::IsNotFound(map.status()) && source.optional()) return absl::OkStatus();
  RETURN_IF_ERROR(map.status());
  std::map<std::string, std::string> data((*map)->data().begin(), (*map)->data().end());
  data.insert((*map)->binary_data().begin(), (*map)->binary_data().end());
  return Select(source, data, "config", mode, out);
}

template <class Source>
absl::Status PayloadMaker::AddSecret(const Source& source, const std::string& name, mode_t mode,
                                     Payload& out) {
  auto secret = objects_.GetSecret(pod_.metadata().namespace_(), name);
  if (absl::IsNotFound(secret.status()) && source.optional()) return absl::OkStatus();
  RETURN_IF_ERROR(secret.status());
  const std::map<std::string, std::string> data((*secret)->data().begin(), (*secret)->data().end());
  return Select(source, data, "secret", mode, out);
}

template <class Items>
absl::Status PayloadMaker::AddDownward(const Items& items, mode_t mode, Payload& out) {
  for (const core::DownwardAPIVolumeFile& item : items) {
    VolumeFile file;
    file.mode = item.has_mode() ? static_cast<mode_t>(item.mode()) : mode;
    if (item.has_field_ref()) {
      ASSIGN_OR_RETURN(file.content, MetadataField(pod_, item.field_ref().field_path()));
    } else if (item.has_resource_field_ref()) {
      const core::Container* container = nullptr;
      for (const auto& candidate : pod_.spec().containers()) {
        if (candidate.name() == item.resource_field_ref().container_name()) container = &candidate;
      }
      for (const auto& candidate : pod_.spec().init_containers()) {
        if (candidate.name() == item.resource_field_ref().container_name()) container = &candidate;
      }
      if (container == nullptr) {
        return base::InvalidArgument("container ", item.resource_field_ref().container_name(),
                                     " not found");
      }
      ASSIGN_OR_RETURN(file.content, ResourceField(*container, item.resource_field_ref(),
                                                   objects_.NodeAllocatable()));
    }
    out[item.path()] = std::move(file);
  }
  return absl::OkStatus();
}

template <class Source>
absl::Status PayloadMaker::AddToken(const Source& source, mode_t mode, Payload& out) {
  TokenRequestKey key;
  key.namespace_ = pod_.metadata().namespace_();
  key.service_account = pod_.spec().service_account_name();
  if (key.service_account.empty()) key.service_account = "default";
  key.pod_name = pod_.metadata().name();
  key.pod_uid = pod_.metadata().uid();
  key.audience = source.audience();
  if (source.has_expiration_seconds()) key.expiration_seconds = source.expiration_seconds();
  VolumeFile file;
  ASSIGN_OR_RETURN(file.content, tokens_.Get(key));
  file.uid = CommonUser(pod_);
  const bool narrowed = file.uid || pod_.spec().security_context().has_fs_group();
  file.mode = narrowed ? 0600 : mode;
  out[source.path()] = std::move(file);
  return absl::OkStatus();
}

absl::StatusOr<Payload> PayloadMaker::ConfigMap(const core::ConfigMapVolumeSource& source) {
  Payload out;
  RETURN_IF_ERROR(
      AddConfigMap(source, source.local_object_reference().name(), DefaultMode(source), out));
  return out;
}

absl::StatusOr<Payload> PayloadMaker::Secret(const core::SecretVolumeSource& source) {
  Payload out;
  RETURN_IF_ERROR(AddSecret(source, source.secret_name(), DefaultMode(source), out));
  return out;
}

absl::StatusOr<Payload> PayloadMaker::Downward(const core::DownwardAPIVolumeSource& source) {
  Payload out;
  RETURN_IF_ERROR(AddDownward(source.items(), DefaultMode(source), out));
  return out;
}

absl::StatusOr<Payload> PayloadMaker::Projected(const core::ProjectedVolumeSource& source) {
  Payload out;
  const mode_t mode = DefaultMode(source);
  for (const core::VolumeProjection& part : source.sources()) {
    if (part.has_secret()) {
      RETURN_IF_ERROR(
          AddSecret(part.secret(), part.secret().local_object_reference().name(), mode, out));
    } else if (part.has_config_map()) {
      RETURN_IF_ERROR(AddConfigMap(part.config_map(),
                                   part.config_map().local_object_reference().name(), mode, out));
    } else if (part.has_downward_api()) {
      RETURN_IF_ERROR(AddDownward(part.downward_api().items(), mode, out));
    } else if (part.has_service_account_token()) {
      RETURN_IF_ERROR(AddToken(part.service_account_token(), mode, out));
    } else {
      return base::InvalidArgument("projected volume source is not supported: ",
                                   part.has_cluster_trust_bundle() ? "clusterTrustBundle"
                                   : part.has_pod_certificate()    ? "podCertificate"
                                                                   : "(empty)");
    }
  }
  return out;
}

std::optional<uid_t> CommonUser(const core::Pod& pod) {
  std::optional<int64_t> of_pod, common;
  const auto& context = pod.spec().security_context();
  if (context.has_run_as_user()) of_pod = context.run_as_user();
  bool first = true, same = true;
  auto add = [&](const core::Container& container) {
    const auto& own = container.security_context();
    const std::optional<int64_t> user =
        own.has_run_as_user() ? std::optional<int64_t>(own.run_as_user()) : of_pod;
    if (!first && user != common) same = false;
    common = user;
    first = false;
  };
  for (const auto& container : pod.spec().init_containers()) add(container);
  for (const auto& container : pod.spec().containers()) add(container);
  if (!same || !common) return std::nullopt;
  return static_cast<uid_t>(*common);
}

}  // namespace berth::agent
