// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/request_info.h"

#include <vector>

#include "base/strings.h"

namespace berth::controlplane {
namespace {

std::string ResourceVerb(std::string_view method, const http::Target& target, bool named) {
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return named ? "delete" : "deletecollection";
  const std::string_view watch = target.Get("watch");
  if (!named && (watch == "1" || watch == "true")) return "watch";
  return named ? "get" : "list";
}

}  // namespace

RequestInfo ParseRequestInfo(std::string_view method, const http::Target& target) {
  RequestInfo info;
  info.path = target.path;
  info.verb = base::ToLower(method);
  std::vector<std::string_view> parts;
  for (std::string_view part : base::Split(target.path, '/')) {
    if (!part.empty()) parts.push_back(part);
  }
  size_t at = 0;
  if (parts.size() >= 3 && parts[0] == "api") {
    info.version = parts[1];
    at = 2;
  } else if (parts.size() >= 4 && parts[0] == "apis") {
    info.group = parts[1];
    info.version = parts[2];
    at = 3;
  } else {
    return info;
  }
  info.is_resource = true;
  if (parts[at] == "namespaces" && parts.size() > at + 1) {
    info.namespace_ = parts[at + 1];
    // "namespaces/x/status" is about the namespace itself.
    const bool inside =
        parts.size() > at + 2 && parts[at + 2] != "status" && parts[at + 2] != "finalize";
    if (inside) at += 2;
  }
  info.resource = parts[at];
  if (parts.size() > at + 1) info.name = parts[at + 1];
  if (parts.size() > at + 2) {
    info.subresource = base::Join(std::vector(parts.begin() + at + 2, parts.end()), "/");
  }
  info.verb = ResourceVerb(method, target, !info.name.empty());
  // A collection request for one name is judged as one for that name.
  if (info.name.empty() && (info.verb == "list" || info.verb == "watch")) {
    for (std::string_view term : base::Split(target.Get("fieldSelector"), ',')) {
      const auto [key, value] = base::SplitOnce(term, '=');
      if (key == "metadata.name" && value.has_value()) {
        info.name = value->starts_with('=') ? value->substr(1) : *value;
      }
    }
  }
  return info;
}

}  // namespace berth::controlplane
