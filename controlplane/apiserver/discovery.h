// SPDX-License-Identifier: Apache-2.0
// What the server offers: /api, /apis and the resource lists, plain and aggregated, and /version.
#ifndef BERTH_CONTROLPLANE_APISERVER_DISCOVERY_H_
#define BERTH_CONTROLPLANE_APISERVER_DISCOVERY_H_

#include <optional>
#include <string>
#include <string_view>

namespace berth::controlplane {

inline constexpr std::string_view kAggregatedDiscoveryType =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

// The JSON document at a path; nothing when there is none. `aggregated`: /api and /apis tell
// everything at once.
std::optional<std::string> DiscoveryDocument(std::string_view path, bool aggregated);
// True when an Accept header asks for the aggregated form.
bool WantsAggregatedDiscovery(std::string_view accept);

struct VersionFacts {
  std::string git_version;  // "v1.35.0+berth.0.1.0"
};
std::string VersionDocument(const VersionFacts& facts);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_DISCOVERY_H_
