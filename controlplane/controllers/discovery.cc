// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/discovery.h"

#include <google/protobuf/message.h>

#include <algorithm>

#include "api/codec.h"
#include "api/proto/meta/v1/api_machinery.pb.h"
#include "base/status.h"
#include "http/message.h"

namespace berth::controlplane {
namespace {

using api::meta::v1::APIGroupList;
using api::meta::v1::APIResourceList;

absl::Status Fetch(client::ApiClient& api, std::string target, api::Message& out) {
  http::Request request;
  request.target = std::move(target);
  request.headers.Set("Accept", "application/json");
  ASSIGN_OR_RETURN(const http::Response response, api.transport().Do(request, absl::Seconds(30)),
                   "discovery");
  if (response.status != 200) {
    return base::Unavailable("discovery of ", request.target, ": HTTP ", response.status);
  }
  return api::DecodeJson(response.body, out);
}

bool Offers(const api::meta::v1::APIResource& resource, std::string_view verb) {
  const auto& verbs = resource.verbs().items();
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

absl::Status AddVersion(client::ApiClient& api, std::string_view group, std::string_view version,
                        std::vector<DiscoveredResource>& out) {
  APIResourceList list;
  RETURN_IF_ERROR(Fetch(
      api,
      group.empty() ? base::StrCat("/api/", version) : base::StrCat("/apis/", group, "/", version),
      list));
  for (const auto& resource : list.resources()) {
    if (resource.name().find('/') != std::string::npos) continue;
    if (!Offers(resource, "list") || !Offers(resource, "delete")) continue;
    out.push_back({std::string(group), std::string(version), resource.name(), resource.kind(),
                   resource.namespaced()});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<DiscoveredResource>> Discover(client::ApiClient& api) {
  std::vector<DiscoveredResource> out;
  RETURN_IF_ERROR(AddVersion(api, "", "v1", out));
  APIGroupList groups;
  RETURN_IF_ERROR(Fetch(api, "/apis", groups));
  for (const auto& group : groups.groups()) {
    // One version of a group shows all of its objects.
    RETURN_IF_ERROR(AddVersion(api, group.name(), group.preferred_version().version(), out));
  }
  return out;
}

absl::StatusOr<std::vector<std::unique_ptr<api::Message>>> ListItems(
    client::ApiClient& api, const DiscoveredResource& resource, std::string_view namespace_) {
  std::vector<std::unique_ptr<api::Message>> items;
  const auto list =
      api::NewObject({resource.group, resource.version, base::StrCat(resource.kind, "List")});
  if (list == nullptr) return items;
  RETURN_IF_ERROR(api.List(resource.Resource(), namespace_, {}, *list));
  const auto* field = list->GetDescriptor()->FindFieldByName("items");
  if (field == nullptr || !field->is_repeated()) return items;
  while (list->GetReflection()->FieldSize(*list, field) > 0) {
    items.emplace_back(list->GetReflection()->ReleaseLast(list.get(), field));
  }
  std::reverse(items.begin(), items.end());
  return items;
}

}  // namespace berth::controlplane
