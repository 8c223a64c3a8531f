// SPDX-License-Identifier: Apache-2.0
// What can be done at which path, for the OpenAPI documents of both versions.
#ifndef BERTH_CONTROLPLANE_APISERVER_OPENAPI_PATHS_H_
#define BERTH_CONTROLPLANE_APISERVER_OPENAPI_PATHS_H_

#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "controlplane/apiserver/resource_descriptor.h"

namespace berth::controlplane {

struct OpenApiParameter {
  std::string_view name;
  std::string_view type;
};

struct OpenApiOperation {
  std::string_view method;  // "get"
  std::string_view action;  // "list", of x-kubernetes-action
  std::vector<OpenApiParameter> query;
  bool has_body = false;
};

struct OpenApiPath {
  std::string path;         // "/api/v1/namespaces/{namespace}/pods/{name}"
  std::string_view schema;  // of what is read and written there: "io.k8s.api.core.v1.Pod", or ""
  api::GroupVersionKind gvk;
  std::vector<OpenApiOperation> operations;
};

// "api/v1" or "apis/apps/v1"
std::string RootOf(const ResourceDescriptor& resource);
// The collection, the object and its subresources. `schema` is SchemaName(resource) and is pointed
// to.
std::vector<OpenApiPath> PathsOf(const ResourceDescriptor& resource, std::string_view schema);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_OPENAPI_PATHS_H_
