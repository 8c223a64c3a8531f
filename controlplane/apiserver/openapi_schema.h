// SPDX-License-Identifier: Apache-2.0
// JSON schemas of the API's types, from their descriptors and field options.
#ifndef BERTH_CONTROLPLANE_APISERVER_OPENAPI_SCHEMA_H_
#define BERTH_CONTROLPLANE_APISERVER_OPENAPI_SCHEMA_H_

#include <string>
#include <vector>

#include "controlplane/apiserver/resource_descriptor.h"

namespace berth::controlplane {

// "io.k8s.api.core.v1.Pod"
std::string SchemaName(const ResourceDescriptor& resource);
// [{"group":"","version":"v1","kind":"Pod"}] without the brackets.
std::string GvkJson(const ResourceDescriptor& resource);
// An object with the schema of each resource and of everything in it.
std::string SchemasJson(const std::vector<const ResourceDescriptor*>& resources);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_OPENAPI_SCHEMA_H_
