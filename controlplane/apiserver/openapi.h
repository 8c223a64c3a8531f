// SPDX-License-Identifier: Apache-2.0
// OpenAPI v3, made from the schema: what kubectl needs to know which parameters are understood and
// to explain fields.
#ifndef BERTH_CONTROLPLANE_APISERVER_OPENAPI_H_
#define BERTH_CONTROLPLANE_APISERVER_OPENAPI_H_

#include <optional>
#include <string>
#include <string_view>

#include "controlplane/apiserver/discovery.h"

namespace berth::controlplane {

// The JSON document at "/openapi/v3" or "/openapi/v3/apis/apps/v1"; nothing for other paths.
std::optional<std::string> OpenApiDocument(std::string_view path, const VersionFacts& version);

// Version 2 for kubectl before 1.27, without definitions: with none at hand it leaves validation to
// the server.
inline constexpr std::string_view kOpenApiV2ProtoType =
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
std::string OpenApiV2Document(bool proto, const VersionFacts& version);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_OPENAPI_H_
