// SPDX-License-Identifier: Apache-2.0
// Reads configMaps and secrets from the API. One read serves all that a starting pod asks for
// within a second; nothing older is handed out. Thread-safe.
#ifndef BERTH_AGENT_VOLUMES_API_OBJECTS_H_
#define BERTH_AGENT_VOLUMES_API_OBJECTS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/env/container_env.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/strings.h"

namespace berth::client {
class ApiClient;
}

namespace berth::agent {

class ApiObjects : public ObjectReader {
 public:
  using Services = std::vector<std::shared_ptr<const api::core::v1::Service>>;
  // `services` lists all of them; `allocatable` is the node's.
  ApiObjects(client::ApiClient& api, base::Clock& clock, std::function<Services()> services,
             std::function<base::StringMap<std::string>()> allocatable);
  ~ApiObjects() override;

  absl::StatusOr<std::shared_ptr<const api::core::v1::ConfigMap>> GetConfigMap(
      std::string_view namespace_, std::string_view name) override;
  absl::StatusOr<std::shared_ptr<const api::core::v1::Secret>> GetSecret(
      std::string_view namespace_, std::string_view name) override;
  Services ListServices(std::string_view namespace_) override;
  base::StringMap<std::string> NodeAllocatable() override;

 private:
  template <class T>
  struct Entry {
    std::shared_ptr<const T> object;
    absl::Time read_at;
  };
  template <class T>
  using Cache = base::StringMap<Entry<T>>;
  template <class T>
  std::shared_ptr<const T> Fresh(Cache<T>& cache, const std::string& key) BERTH_REQUIRES(mu_);

  client::ApiClient& api_;
  base::Clock& clock_;
  const std::function<Services()> services_;
  const std::function<base::StringMap<std::string>()> allocatable_;
  base::Mutex mu_;
  Cache<api::core::v1::ConfigMap> config_maps_ BERTH_GUARDED_BY(mu_);
  Cache<api::core::v1::Secret> secrets_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_VOLUMES_API_OBJECTS_H_
