// SPDX-License-Identifier: Apache-2.0
#include "agent/volumes/api_objects.h"

#include "api/object.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "base/status.h"
#include "client/api_client.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;

constexpr absl::Duration kFresh = absl::Seconds(1);

// The kubelet's words: `configmap "x" not found`.
absl::Status Named(absl::Status status, std::string_view kind, std::string_view name) {
  if (!absl::IsNotFound(status)) return status;
  return base::NotFound(kind, " \"", name, "\" not found");
}

}  // namespace

ApiObjects::ApiObjects(client::ApiClient& api, base::Clock& clock,
                       std::function<Services()> services,
                       std::function<base::StringMap<std::string>()> allocatable)
    : api_(api),
      clock_(clock),
      services_(std::move(services)),
      allocatable_(std::move(allocatable)) {}
ApiObjects::~ApiObjects() = default;

template <class T>
std::shared_ptr<const T> ApiObjects::Fresh(Cache<T>& cache, const std::string& key) {
  const absl::Time now = clock_.Now();
  for (auto at = cache.begin(); at != cache.end();) {
    const auto here = at++;
    if (now - here->second.read_at >= kFresh) cache.erase(here);
  }
  const auto at = cache.find(key);
  return at == cache.end() ? nullptr : at->second.object;
}

absl::StatusOr<std::shared_ptr<const core::ConfigMap>> ApiObjects::GetConfigMap(
    std::string_view namespace_, std::string_view name) {
  const std::string key = api::KeyOf(namespace_, name);
  {
    base::MutexLock lock(mu_);
    if (auto fresh = Fresh(config_maps_, key)) return fresh;
  }
  auto read = std::make_shared<core::ConfigMap>();
  RETURN_IF_ERROR(Named(api_.Get(client::kConfigMaps, namespace_, name, *read), "configmap", name));
  base::MutexLock lock(mu_);
  config_maps_[key] = {read, clock_.Now()};
  return read;
}

absl::StatusOr<std::shared_ptr<const core::Secret>> ApiObjects::GetSecret(
    std::string_view namespace_, std::string_view name) {
  const std::string key = api::KeyOf(namespace_, name);
  {
    base::MutexLock lock(mu_);
    if (auto fresh = Fresh(secrets_, key)) return fresh;
  }
  auto read = std::make_shared<core::Secret>();
  RETURN_IF_ERROR(Named(api_.Get(client::kSecrets, namespace_, name, *read), "secret", name));
  base::MutexLock lock(mu_);
  secrets_[key] = {read, clock_.Now()};
  return read;
}

ApiObjects::Services ApiObjects::ListServices(std::string_view namespace_) {
  Services out;
  for (auto& service : services_()) {
    const auto& meta = service->metadata();
    const std::string& ip = service->spec().cluster_ip();
    if (ip.empty() || ip == "None") continue;
    const bool master = meta.namespace_() == "default" && meta.name() == "kubernetes";
    if (master || meta.namespace_() == namespace_) out.push_back(std::move(service));
  }
  return out;
}

base::StringMap<std::string> ApiObjects::NodeAllocatable() { return allocatable_(); }

}  // namespace berth::agent
