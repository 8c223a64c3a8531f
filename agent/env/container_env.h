// SPDX-License-Identifier: Apache-2.0
// A container's environment, command and arguments as the kubelet makes them: service variables,
// envFrom, env with valueFrom (fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef), $(VAR)
// expansion, in upstream's order.
#ifndef BERTH_AGENT_ENV_CONTAINER_ENV_H_
#define BERTH_AGENT_ENV_CONTAINER_ENV_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/strings.h"

namespace berth::api::core::v1 {
class ConfigMap;
class Container;
class Pod;
class Secret;
class Service;
}  // namespace berth::api::core::v1

namespace berth::agent {

struct ContainerProcess {
  std::vector<std::pair<std::string, std::string>> env;
  std::vector<std::string> command;
  std::vector<std::string> args;
};

// Reads objects that a Pod refers to. NotFound when absent.
class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  virtual absl::StatusOr<std::shared_ptr<const api::core::v1::ConfigMap>> GetConfigMap(
      std::string_view namespace_, std::string_view name) = 0;
  virtual absl::StatusOr<std::shared_ptr<const api::core::v1::Secret>> GetSecret(
      std::string_view namespace_, std::string_view name) = 0;
  // Of the namespace and the master service of "default"; with a ClusterIP only.
  virtual std::vector<std::shared_ptr<const api::core::v1::Service>> ListServices(
      std::string_view namespace_) = 0;
  // The node's allocatable quantities by resource name: what resourceFieldRef reads for a limit
  // that the container does not set.
  virtual base::StringMap<std::string> NodeAllocatable() { return {}; }
};

struct PodAddresses {
  std::vector<std::string> pod_ips;
  std::vector<std::string> host_ips;
};

// Errors are what CreateContainerConfigError reports: `configmap "x" not found`,
// `couldn't find key k in Secret ns/x`.
absl::StatusOr<ContainerProcess> MakeContainerProcess(const api::core::v1::Pod& pod,
                                                      const api::core::v1::Container& container,
                                                      const PodAddresses& addresses,
                                                      std::string_view node_name,
                                                      ObjectReader& objects);

}  // namespace berth::agent

#endif  // BERTH_AGENT_ENV_CONTAINER_ENV_H_
