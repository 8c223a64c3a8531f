// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/openapi_paths.h"

#include "base/strings.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

std::vector<OpenApiParameter> WriteParameters() {
  return {{"dryRun", "string"}, {"fieldManager", "string"}, {"fieldValidation", "string"}};
}

OpenApiOperation Read(std::string_view action) {
  OpenApiOperation operation{.method = "get", .action = action};
  if (action == "list") {
    operation.query = {{"labelSelector", "string"},   {"fieldSelector", "string"},
                       {"limit", "integer"},          {"continue", "string"},
                       {"resourceVersion", "string"}, {"timeoutSeconds", "integer"},
                       {"watch", "boolean"}};
  }
  return operation;
}

OpenApiOperation Write(std::string_view method) {
  OpenApiOperation operation{
      .method = method, .action = method, .query = WriteParameters(), .has_body = true};
  if (method == "patch") operation.query.push_back({"force", "boolean"});
  return operation;
}

OpenApiOperation Remove() {
  return {.method = "delete",
          .action = "delete",
          .query = {{"dryRun", "string"},
                    {"gracePeriodSeconds", "integer"},
                    {"propagationPolicy", "string"}}};
}

std::vector<OpenApiOperation> OperationsOf(const Subresource& sub) {
  std::vector<OpenApiOperation> operations;
  for (const std::string_view verb : sub.verbs) {
    if (verb == "get") operations.push_back(Read("get"));
    if (verb == "create") operations.push_back(Write("post"));
    if (verb == "update") operations.push_back(Write("put"));
    if (verb == "patch") operations.push_back(Write("patch"));
  }
  return operations;
}

}  // namespace

std::string RootOf(const ResourceDescriptor& resource) {
  return resource.group.empty() ? StrCat("api/", resource.version)
                                : StrCat("apis/", resource.group, "/", resource.version);
}

std::vector<OpenApiPath> PathsOf(const ResourceDescriptor& resource, std::string_view schema) {
  const std::string base =
      StrCat("/", RootOf(resource), "/", resource.namespaced ? "namespaces/{namespace}/" : "",
             resource.plural);
  const api::GroupVersionKind gvk = resource.Gvk();
  if (!resource.stored) return {{base, schema, gvk, {Write("post")}}};
  const std::string object = StrCat(base, "/{name}");
  std::vector<OpenApiPath> paths = {
      {base, schema, gvk, {Read("list"), Write("post")}},
      {object, schema, gvk, {Read("get"), Write("put"), Write("patch"), Remove()}}};
  if (resource.has_status) {
    paths.push_back(
        {StrCat(object, "/status"), schema, gvk, {Read("get"), Write("put"), Write("patch")}});
  }
  for (const Subresource& sub : resource.subresources) {
    OpenApiPath path{StrCat(object, "/", sub.name), schema, gvk, OperationsOf(sub)};
    if (!sub.kind.empty()) {
      path.schema = "";
      path.gvk = {std::string(sub.group), std::string(sub.version), std::string(sub.kind)};
    }
    paths.push_back(std::move(path));
  }
  return paths;
}

}  // namespace berth::controlplane
