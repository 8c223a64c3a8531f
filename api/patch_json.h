// SPDX-License-Identifier: Apache-2.0
// A JSON document that can be changed, and what the schema says about its fields. For patch*.cc.
#ifndef BERTH_API_PATCH_JSON_H_
#define BERTH_API_PATCH_JSON_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
}  // namespace google::protobuf

namespace berth::api::internal {

using Json = nlohmann::ordered_json;

// InvalidArgument ("<what>: not valid JSON") for what is no JSON or is nested absurdly deep.
absl::StatusOr<Json> ParseJson(std::string_view text, std::string_view what);
// The same, and an object it must be.
absl::StatusOr<Json> ParseJsonObject(std::string_view text, std::string_view what);
std::string DumpJson(const Json& json);

// Equal but for the order of keys.
bool SameJson(const Json& a, const Json& b);
// "spec" + "containers" -> "spec.containers".
std::string ChildPath(std::string_view parent, std::string_view name);
// Null when `object` has no such member.
const Json* MemberOf(const Json& object, std::string_view name);

// What the schema says about one field; all defaults for a field it does not know.
struct FieldFacts {
  const google::protobuf::FieldDescriptor* field = nullptr;
  // The type of the value or of the list's elements when those are JSON objects with fields.
  const google::protobuf::Descriptor* type = nullptr;
  bool merge = false;  // patch strategies
  bool replace = false;
  bool retain_keys = false;
  std::string merge_key;
  std::string list_type;  // server-side apply
  std::vector<std::string> list_keys;
  bool atomic = false;
};
// `type` may be null: then nothing is known.
FieldFacts FactsOf(const google::protobuf::Descriptor* type, std::string_view json_name);
// The default that the schema gives to `json_name`; null when it gives none.
Json DefaultOf(const google::protobuf::Descriptor* type, std::string_view json_name);

}  // namespace berth::api::internal

#endif  // BERTH_API_PATCH_JSON_H_
