// SPDX-License-Identifier: Apache-2.0
// The objects that a node without an API server has for its pods: none. Thread-safe.
#ifndef BERTH_AGENT_VOLUMES_NO_API_OBJECTS_H_
#define BERTH_AGENT_VOLUMES_NO_API_OBJECTS_H_

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "agent/env/container_env.h"
#include "base/status.h"

namespace berth::agent {

class NoApiObjects : public ObjectReader {
 public:
  explicit NoApiObjects(std::function<base::StringMap<std::string>()> allocatable)
      : allocatable_(std::move(allocatable)) {}

  absl::StatusOr<std::shared_ptr<const api::core::v1::ConfigMap>> GetConfigMap(
      std::string_view, std::string_view name) override {
    return base::NotFound("configmap \"", name, "\" not found: there is no API server");
  }
  absl::StatusOr<std::shared_ptr<const api::core::v1::Secret>> GetSecret(
      std::string_view, std::string_view name) override {
    return base::NotFound("secret \"", name, "\" not found: there is no API server");
  }
  std::vector<std::shared_ptr<const api::core::v1::Service>> ListServices(
      std::string_view) override {
    return {};
  }
  base::StringMap<std::string> NodeAllocatable() override { return allocatable_(); }

 private:
  const std::function<base::StringMap<std::string>()> allocatable_;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_VOLUMES_NO_API_OBJECTS_H_
