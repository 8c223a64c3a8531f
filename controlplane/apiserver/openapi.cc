// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/openapi.h"

#include <algorithm>
#include <set>
#include <vector>

#include "base/strings.h"
#include "controlplane/apiserver/json_text.h"
#include "controlplane/apiserver/openapi_schema.h"
#include "controlplane/apiserver/resource_descriptor.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

// "api/v1" or "apis/apps/v1"
std::string Root(const ResourceDescriptor& resource) {
  return resource.group.empty() ? StrCat("api/", resource.version)
                                : StrCat("apis/", resource.group, "/", resource.version);
}

std::string Parameter(std::string_view name, std::string_view type) {
  return StrCat("{\"name\":\"", name, "\",\"in\":\"query\",\"schema\":{\"type\":\"", type,
                "\",\"uniqueItems\":true}}");
}

std::string Operation(const ResourceDescriptor& resource, std::string_view action,
                      std::string_view content, bool writes) {
  const std::string reference =
      StrCat("{\"schema\":{\"$ref\":\"#/components/schemas/", SchemaName(resource), "\"}}");
  std::string out = StrCat("{\"x-kubernetes-action\":\"", action,
                           "\",\"x-kubernetes-group-version-kind\":", GvkJson(resource));
  if (writes) {
    base::StrAppend(out, ",\"parameters\":[", Parameter("dryRun", "string"), ",",
                    Parameter("fieldManager", "string"), ",",
                    Parameter("fieldValidation", "string"));
    if (action == "patch") base::StrAppend(out, ",", Parameter("force", "boolean"));
    base::StrAppend(out, "],\"requestBody\":{\"content\":{\"", content, "\":", reference,
                    "},\"required\":true}");
  }
  return StrCat(out,
                ",\"responses\":{\"200\":{\"description\":\"OK\",\"content\":{"
                "\"application/json\":",
                reference, "}}}}");
}

std::string Paths(const ResourceDescriptor& resource) {
  const std::string base =
      StrCat("/", Root(resource), "/", resource.namespaced ? "namespaces/{namespace}/" : "",
             resource.plural);
  std::string out = StrCat(JsonQuote(base), ":{");
  if (resource.stored)
    base::StrAppend(out, "\"get\":", Operation(resource, "list", "", false), ",");
  base::StrAppend(out, "\"post\":", Operation(resource, "post", "*/*", true), "}");
  if (!resource.stored) return out;
  return StrCat(out, ",", JsonQuote(StrCat(base, "/{name}")),
                ":{\"get\":", Operation(resource, "get", "", false),
                ",\"put\":", Operation(resource, "put", "*/*", true),
                ",\"patch\":", Operation(resource, "patch", "application/merge-patch+json", true),
                ",\"delete\":", Operation(resource, "delete", "", false), "}");
}

std::string Index() {
  std::set<std::string> roots;
  for (const ResourceDescriptor& resource : AllResources()) roots.insert(Root(resource));
  std::string out = "{\"paths\":{";
  for (const std::string& root : roots) {
    base::StrAppend(out, out.back() == '{' ? "" : ",", JsonQuote(root),
                    ":{\"serverRelativeURL\":\"/openapi/v3/", root, "\"}");
  }
  return out += "}}";
}

std::optional<std::string> GroupDocument(std::string_view root, const VersionFacts& version) {
  std::vector<const ResourceDescriptor*> resources;
  for (const ResourceDescriptor& resource : AllResources()) {
    if (Root(resource) == root) resources.push_back(&resource);
  }
  if (resources.empty()) return std::nullopt;
  std::string out = StrCat(
      "{\"openapi\":\"3.0.0\",\"info\":{\"title\":\"Kubernetes\","
      "\"version\":\"",
      version.git_version, "\"},\"paths\":{");
  for (const ResourceDescriptor* resource : resources) {
    base::StrAppend(out, out.back() == '{' ? "" : ",", Paths(*resource));
  }
  return StrCat(out, "},\"components\":{\"schemas\":", SchemasJson(resources), "}}");
}

}  // namespace

std::optional<std::string> OpenApiDocument(std::string_view path, const VersionFacts& version) {
  constexpr std::string_view kRoot = "/openapi/v3";
  if (!path.starts_with(kRoot)) return std::nullopt;
  path.remove_prefix(kRoot.size());
  if (path.empty() || path == "/") return Index();
  return GroupDocument(path.substr(1), version);
}

std::string OpenApiV2Document(bool proto, const VersionFacts& version) {
  if (!proto) {
    return StrCat("{\"swagger\":\"2.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":\"",
                  version.git_version, "\"},\"paths\":{}}");
  }
  // openapi.v2.Document: swagger = 1, info = 2 {title = 1, version = 2}.
  auto field = [](char number, std::string_view text) {
    return StrCat(static_cast<char>(number << 3 | 2), static_cast<char>(text.size()), text);
  };
  return StrCat(field(1, "2.0"),
                field(2, StrCat(field(1, "Kubernetes"), field(2, version.git_version))));
}

}  // namespace berth::controlplane
