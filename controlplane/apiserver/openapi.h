// SPDX-License-Identifier: Apache-2.0
// OpenAPI documents, made from the schema: what kubectl needs to validate, to explain fields, to
// merge what is applied and to know which parameters are understood. Thread-safe.
#ifndef BERTH_CONTROLPLANE_APISERVER_OPENAPI_H_
#define BERTH_CONTROLPLANE_APISERVER_OPENAPI_H_

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/apiserver/discovery.h"

namespace berth::controlplane {

inline constexpr std::string_view kOpenApiV2ProtoType =
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

class OpenApi {
 public:
  explicit OpenApi(VersionFacts version);

  // The JSON document at "/openapi/v3" or "/openapi/v3/apis/apps/v1"; nothing for other paths.
  std::optional<std::string> V3(std::string_view path) const;
  // Version 2 is one document of everything, made when first asked for: kubectl before 1.27
  // validates and explains by it, in its protobuf form.
  const std::string& V2Json() const;
  const std::string& V2Proto() const;

 private:
  const VersionFacts version_;
  mutable std::once_flag json_once_;
  mutable std::once_flag proto_once_;
  mutable std::string json_;
  mutable std::string proto_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_OPENAPI_H_
