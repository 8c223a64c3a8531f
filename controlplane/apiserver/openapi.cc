// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/openapi.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/strings.h"
#include "controlplane/apiserver/openapi_paths.h"
#include "controlplane/apiserver/openapi_schema.h"
#include "controlplane/apiserver/openapi_v2_wire.h"
#include "controlplane/apiserver/resource_descriptor.h"

namespace berth::controlplane {
namespace {

using base::StrCat;
using nlohmann::json;

json GvkOf(const api::GroupVersionKind& gvk) {
  return {{"group", gvk.group}, {"version", gvk.version}, {"kind", gvk.kind}};
}

json Heading(const VersionFacts& version) {
  return {{"title", "Kubernetes"}, {"version", version.git_version}};
}

std::string_view BodyType(const OpenApiOperation& operation) {
  return operation.method == "patch" ? "application/merge-patch+json" : "*/*";
}

json OperationV3(const OpenApiPath& path, const OpenApiOperation& operation) {
  json content = json::object();
  if (!path.schema.empty()) {
    content["schema"]["$ref"] = StrCat("#/components/schemas/", path.schema);
  }
  json out = {{"x-kubernetes-action", operation.action},
              {"x-kubernetes-group-version-kind", GvkOf(path.gvk)}};
  for (const OpenApiParameter& parameter : operation.query) {
    out["parameters"].push_back({{"name", parameter.name},
                                 {"in", "query"},
                                 {"schema", {{"type", parameter.type}, {"uniqueItems", true}}}});
  }
  if (operation.has_body) {
    out["requestBody"] = {{"content", {{BodyType(operation), content}}}, {"required", true}};
  }
  out["responses"]["200"] = {{"description", "OK"}, {"content", {{"application/json", content}}}};
  return out;
}

json OperationV2(const OpenApiPath& path, const OpenApiOperation& operation) {
  json schema = {{"type", "object"}};
  if (!path.schema.empty()) schema = {{"$ref", StrCat("#/definitions/", path.schema)}};
  json out = {{"x-kubernetes-action", operation.action},
              {"x-kubernetes-group-version-kind", GvkOf(path.gvk)},
              {"produces", {"application/json", "application/yaml"}}};
  if (operation.has_body) {
    out["consumes"] = json::array({BodyType(operation)});
    out["parameters"].push_back(
        {{"name", "body"}, {"in", "body"}, {"required", true}, {"schema", schema}});
  }
  for (const OpenApiParameter& parameter : operation.query) {
    out["parameters"].push_back({{"name", parameter.name},
                                 {"in", "query"},
                                 {"type", parameter.type},
                                 {"uniqueItems", true}});
  }
  out["responses"]["200"] = {{"description", "OK"}, {"schema", schema}};
  return out;
}

json PathParametersV2(std::string_view path) {
  json out = json::array();
  for (const std::string_view name : {"name", "namespace"}) {
    if (path.find(StrCat("{", name, "}")) == std::string_view::npos) continue;
    out.push_back({{"name", name}, {"in", "path"}, {"required", true}, {"type", "string"}});
  }
  return out;
}

std::string Index() {
  json out;
  for (const ResourceDescriptor& resource : AllResources()) {
    const std::string root = RootOf(resource);
    out["paths"][root]["serverRelativeURL"] = StrCat("/openapi/v3/", root);
  }
  return out.dump();
}

std::optional<std::string> GroupDocument(std::string_view root, const VersionFacts& version) {
  std::vector<const ResourceDescriptor*> resources;
  for (const ResourceDescriptor& resource : AllResources()) {
    if (RootOf(resource) == root) resources.push_back(&resource);
  }
  if (resources.empty()) return std::nullopt;
  json paths = json::object();
  for (const ResourceDescriptor* resource : resources) {
    const std::string schema = SchemaName(*resource);
    for (const OpenApiPath& path : PathsOf(*resource, schema)) {
      json& item = paths[path.path];
      for (const auto& operation : path.operations) {
        item[std::string(operation.method)] = OperationV3(path, operation);
      }
    }
  }
  return StrCat("{\"openapi\":\"3.0.0\",\"info\":", Heading(version).dump(),
                ",\"paths\":", paths.dump(),
                ",\"components\":{\"schemas\":", SchemasJson(resources, kComponentsPrefix), "}}");
}

json DocumentV2(const VersionFacts& version) {
  json paths = json::object();
  std::vector<const ResourceDescriptor*> resources;
  for (const ResourceDescriptor& resource : AllResources()) {
    resources.push_back(&resource);
    const std::string schema = SchemaName(resource);
    for (const OpenApiPath& path : PathsOf(resource, schema)) {
      json& item = paths[path.path];
      for (const auto& operation : path.operations) {
        item[std::string(operation.method)] = OperationV2(path, operation);
      }
      if (json parameters = PathParametersV2(path.path); !parameters.empty()) {
        item["parameters"] = std::move(parameters);
      }
    }
  }
  return {{"swagger", "2.0"},
          {"info", Heading(version)},
          {"paths", std::move(paths)},
          {"definitions", json::parse(SchemasJson(resources, kDefinitionsPrefix))}};
}

}  // namespace

OpenApi::OpenApi(VersionFacts version) : version_(std::move(version)) {}

std::optional<std::string> OpenApi::V3(std::string_view path) const {
  constexpr std::string_view kRoot = "/openapi/v3";
  if (!path.starts_with(kRoot)) return std::nullopt;
  path.remove_prefix(kRoot.size());
  if (path.empty() || path == "/") return Index();
  return GroupDocument(path.substr(1), version_);
}

const std::string& OpenApi::V2Json() const {
  std::call_once(json_once_, [this] { json_ = DocumentV2(version_).dump(); });
  return json_;
}

const std::string& OpenApi::V2Proto() const {
  std::call_once(proto_once_, [this] { proto_ = OpenApiV2Wire(DocumentV2(version_)); });
  return proto_;
}

}  // namespace berth::controlplane
