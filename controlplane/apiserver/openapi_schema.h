// SPDX-License-Identifier: Apache-2.0
// JSON schemas of the API's types, from their descriptors and field options.
#ifndef BERTH_CONTROLPLANE_APISERVER_OPENAPI_SCHEMA_H_
#define BERTH_CONTROLPLANE_APISERVER_OPENAPI_SCHEMA_H_

#include <string>
#include <string_view>
#include <vector>

#include "controlplane/apiserver/resource_descriptor.h"

namespace berth::controlplane {

// "io.k8s.api.core.v1.Pod"
std::string SchemaName(const ResourceDescriptor& resource);

// Where a schema lies in a document, of version 3 and of version 2.
inline constexpr std::string_view kComponentsPrefix = "#/components/schemas/";
inline constexpr std::string_view kDefinitionsPrefix = "#/definitions/";

// A JSON object with the schema of each resource and of everything in it, by name. References go to
// `prefix`, which also tells the version.
std::string SchemasJson(const std::vector<const ResourceDescriptor*>& resources,
                        std::string_view prefix);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_OPENAPI_SCHEMA_H_
