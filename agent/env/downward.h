// SPDX-License-Identifier: Apache-2.0
// Facts about a Pod that it may ask for by name: fieldRef and resourceFieldRef, in environment
// variables and in volumes. Thread-safe: no state.
#ifndef BERTH_AGENT_ENV_DOWNWARD_H_
#define BERTH_AGENT_ENV_DOWNWARD_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/env/container_env.h"

namespace berth::api::core::v1 {
class ResourceFieldSelector;
}

namespace berth::agent {

// metadata.{name,namespace,uid}, metadata.{labels,annotations} (all of them, `key="value"` by line)
// or one of them as metadata.labels['key'].
absl::StatusOr<std::string> MetadataField(const api::core::v1::Pod& pod, std::string_view path);

// The above (without whole maps), spec.{nodeName,serviceAccountName},
// status.{hostIP,hostIPs,podIP,podIPs}.
absl::StatusOr<std::string> EnvironmentField(const api::core::v1::Pod& pod, std::string_view path,
                                             const PodAddresses& addresses,
                                             std::string_view node_name);

// limits.cpu, requests.memory and so on, divided by the divisor and rounded up. A limit that is not
// set is the node's allocatable amount, a request that is not set is 0.
absl::StatusOr<std::string> ResourceField(const api::core::v1::Container& container,
                                          const api::core::v1::ResourceFieldSelector& selector,
                                          const base::StringMap<std::string>& allocatable);

}  // namespace berth::agent

#endif  // BERTH_AGENT_ENV_DOWNWARD_H_
