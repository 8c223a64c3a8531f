// SPDX-License-Identifier: Apache-2.0
#include "agent/env/container_env.h"

#include "agent/env/downward.h"
#include "agent/env/expansion.h"
#include "agent/env/service_env.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/containers.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;
using base::StrCat;

class Environment {
 public:
  Environment(const core::Pod& pod, const core::Container& container, const PodAddresses& addresses,
              std::string_view node_name, ObjectReader& objects)
      : pod_(pod),
        container_(container),
        addresses_(addresses),
        node_name_(node_name),
        objects_(objects),
        services_(ServiceEnvironment(
            objects.ListServices(Namespace()), Namespace(),
            !pod.spec().has_enable_service_links() || pod.spec().enable_service_links())) {}

  absl::Status AddAll() {
    for (const core::EnvFromSource& source : container_.env_from()) {
      if (source.has_config_map_ref()) {
        RETURN_IF_ERROR(AddAll(source, source.config_map_ref(), &ObjectReader::GetConfigMap));
      }
      if (source.has_secret_ref()) {
        RETURN_IF_ERROR(AddAll(source, source.secret_ref(), &ObjectReader::GetSecret));
      }
    }
    for (const core::EnvVar& variable : container_.env()) RETURN_IF_ERROR(AddVariable(variable));
    return absl::OkStatus();
  }

  // Services come last and never override.
  ContainerProcess Finish() {
    for (const auto& [name, value] : services_) {
      if (!index_.contains(name)) Set(name, value);
    }
    ContainerProcess process;
    for (const std::string& part : container_.command()) process.command.push_back(Expanded(part));
    for (const std::string& part : container_.args()) process.args.push_back(Expanded(part));
    process.env = std::move(values_);
    return process;
  }

 private:
  std::string_view Namespace() const { return pod_.metadata().namespace_(); }

  void Set(std::string_view name, std::string value) {
    const auto [at, is_new] = index_.try_emplace(std::string(name), values_.size());
    if (is_new) {
      values_.emplace_back(name, std::move(value));
    } else {
      values_[at->second].second = std::move(value);
    }
  }

  std::optional<std::string_view> Find(std::string_view name) const {
    if (const auto at = index_.find(name); at != index_.end()) return values_[at->second].second;
    if (const auto at = services_.find(std::string(name)); at != services_.end()) return at->second;
    return std::nullopt;
  }

  std::string Expanded(std::string_view text) const {
    return Expand(text, [this](std::string_view name) { return Find(name); });
  }

  // Every entry of a ConfigMap or Secret, by `get`; nothing when an optional one is not there.
  template <class Ref, class Get>
  absl::Status AddAll(const core::EnvFromSource& source, const Ref& ref, Get get) {
    auto found = (objects_.*get)(Namespace(), ref.local_object_reference().name());
    if (absl::IsNotFound(found.status()) && ref.optional()) return absl::OkStatus();
    RETURN_IF_ERROR(found.status());
    const std::map<std::string, std::string> sorted((*found)->data().begin(),
                                                    (*found)->data().end());
    for (const auto& [key, value] : sorted) Set(source.prefix() + key, value);
    return absl::OkStatus();
  }

  absl::Status AddVariable(const core::EnvVar& variable) {
    if (!variable.value().empty() || !variable.has_value_from()) {
      Set(variable.name(), Expanded(variable.value()));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(std::optional<std::string> value, ValueFrom(variable.value_from()));
    if (value) Set(variable.name(), *std::move(value));
    return absl::OkStatus();
  }

  // Nothing for an optional reference to something that is not there.
  absl::StatusOr<std::optional<std::string>> ValueFrom(const core::EnvVarSource& source) {
    if (source.has_field_ref()) {
      ASSIGN_OR_RETURN(std::string value, EnvironmentField(pod_, source.field_ref().field_path(),
                                                           addresses_, node_name_));
      return std::optional<std::string>(std::move(value));
    }
    if (source.has_resource_field_ref()) return FromResource(source.resource_field_ref());
    if (source.has_config_map_key_ref()) return FromConfigMap(source.config_map_key_ref());
    if (source.has_secret_key_ref()) return FromSecret(source.secret_key_ref());
    if (source.has_file_key_ref()) {
      return base::InvalidArgument("env valueFrom.fileKeyRef is not supported");
    }
    return base::InvalidArgument("env valueFrom names no source");
  }

  absl::StatusOr<std::optional<std::string>> FromResource(
      const core::ResourceFieldSelector& selector) {
    const core::Container* target = &container_;
    if (!selector.container_name().empty() && selector.container_name() != container_.name()) {
      target = nullptr;
      for (const auto& other : pod_.spec().containers()) {
        if (other.name() == selector.container_name()) target = &other;
      }
      for (const auto& other : pod_.spec().init_containers()) {
        if (other.name() == selector.container_name()) target = &other;
      }
    }
    if (target == nullptr) {
      return base::InvalidArgument("container ", selector.container_name(), " not found");
    }
    ASSIGN_OR_RETURN(std::string value,
                     ResourceField(*target, selector, objects_.NodeAllocatable()));
    return std::optional<std::string>(std::move(value));
  }

  absl::StatusOr<std::optional<std::string>> FromConfigMap(const core::ConfigMapKeySelector& ref) {
    const std::string& name = ref.local_object_reference().name();
    auto found = objects_.GetConfigMap(Namespace(), name);
    if (absl::IsNotFound(found.status()) && ref.optional()) return std::nullopt;
    RETURN_IF_ERROR(found.status());
    const auto& data = (*found)->data();
    if (const auto at = data.find(ref.key()); at != data.end()) {
      return std::optional<std::string>(at->second);
    }
    if (ref.optional()) return std::nullopt;
    return base::FailedPrecondition("couldn't find key ", ref.key(), " in ConfigMap ", Namespace(),
                                    "/", name);
  }

  absl::StatusOr<std::optional<std::string>> FromSecret(const core::SecretKeySelector& ref) {
    const std::string& name = ref.local_object_reference().name();
    auto found = objects_.GetSecret(Namespace(), name);
    if (absl::IsNotFound(found.status()) && ref.optional()) return std::nullopt;
    RETURN_IF_ERROR(found.status());
    const auto& data = (*found)->data();
    if (const auto at = data.find(ref.key()); at != data.end()) {
      return std::optional<std::string>(at->second);
    }
    if (ref.optional()) return std::nullopt;
    return base::FailedPrecondition("couldn't find key ", ref.key(), " in Secret ", Namespace(),
                                    "/", name);
  }

  const core::Pod& pod_;
  const core::Container& container_;
  const PodAddresses& addresses_;
  const std::string_view node_name_;
  ObjectReader& objects_;
  const std::map<std::string, std::string> services_;
  std::vector<std::pair<std::string, std::string>> values_;
  base::StringMap<size_t> index_;
};

}  // namespace

absl::StatusOr<ContainerProcess> MakeContainerProcess(const core::Pod& pod,
                                                      const core::Container& container,
                                                      const PodAddresses& addresses,
                                                      std::string_view node_name,
                                                      ObjectReader& objects) {
  Environment environment(pod, container, addresses, node_name, objects);
  RETURN_IF_ERROR(environment.AddAll());
  return environment.Finish();
}

}  // namespace berth::agent
