// SPDX-License-Identifier: Apache-2.0
// Which resources the API server serves, asked by discovery, and lists of them without their type:
// for what has to treat every kind alike.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_DISCOVERY_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_DISCOVERY_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "api/object.h"
#include "client/api_client.h"
#include "client/resource.h"

namespace berth::controlplane {

struct DiscoveredResource {
  std::string group;
  std::string version;
  std::string plural;
  std::string kind;
  bool namespaced = false;

  client::Resource Resource() const { return {group, version, plural, namespaced}; }
};

// Every resource that can be listed and deleted, without subresources.
absl::StatusOr<std::vector<DiscoveredResource>> Discover(client::ApiClient& api);

// The objects of one resource in a namespace ("" is all); none when the schema has no such kind.
absl::StatusOr<std::vector<std::unique_ptr<api::Message>>> ListItems(
    client::ApiClient& api, const DiscoveredResource& resource, std::string_view namespace_);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_DISCOVERY_H_
