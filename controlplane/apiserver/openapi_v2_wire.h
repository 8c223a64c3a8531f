// SPDX-License-Identifier: Apache-2.0
// The protobuf form of an OpenAPI v2 document (openapi.v2.Document of the gnostic project).
#ifndef BERTH_CONTROLPLANE_APISERVER_OPENAPI_V2_WIRE_H_
#define BERTH_CONTROLPLANE_APISERVER_OPENAPI_V2_WIRE_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace berth::controlplane {

// Of a document as openapi.cc makes it; members that are not made there are left out.
std::string OpenApiV2Wire(const nlohmann::json& document);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_OPENAPI_V2_WIRE_H_
