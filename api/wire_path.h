// SPDX-License-Identifier: Apache-2.0
// Where in malformed protobuf bytes the fault lies.
#ifndef BERTH_API_WIRE_PATH_H_
#define BERTH_API_WIRE_PATH_H_

#include <string>
#include <string_view>

namespace google::protobuf {
class Descriptor;
}

namespace berth::api {

// The path of the first field that cannot be read, as in "spec.containers[0].name"; "" when the
// fault lies at the top.
std::string FirstBadField(std::string_view bytes, const google::protobuf::Descriptor& type);

}  // namespace berth::api

#endif  // BERTH_API_WIRE_PATH_H_
