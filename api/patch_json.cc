// SPDX-License-Identifier: Apache-2.0
#include "api/patch_json.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>

#include "api/proto/go_facts.pb.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::api::internal {
namespace {

// Patches recurse; no object of the API comes near this.
constexpr int kMaxDepth = 1000;

bool TooDeep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\') ++at;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

// Through inlined members.
const google::protobuf::FieldDescriptor* FindField(const google::protobuf::Descriptor* type,
                                                   std::string_view json_name) {
  if (type == nullptr) return nullptr;
  for (int i = 0; i < type->field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = type->field(i);
    if (field->json_name() == json_name) {
      if (!field->options().GetExtension(go).inline_()) return field;
    }
    if (field->message_type() != nullptr && field->options().GetExtension(go).inline_()) {
      if (const auto* found = FindField(field->message_type(), json_name)) return found;
    }
  }
  return nullptr;
}

const google::protobuf::Descriptor* ObjectType(const google::protobuf::FieldDescriptor& field) {
  const google::protobuf::Descriptor* type = field.message_type();
  if (type == nullptr || field.is_map()) return nullptr;
  return type->options().GetExtension(message).shape() == OBJECT ? type : nullptr;
}

}  // namespace

absl::StatusOr<Json> ParseJson(std::string_view text, std::string_view what) {
  if (TooDeep(text)) return base::InvalidArgument(what, ": nested too deep");
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return base::InvalidArgument(what, ": not valid JSON");
  return json;
}

absl::StatusOr<Json> ParseJsonObject(std::string_view text, std::string_view what) {
  ASSIGN_OR_RETURN(Json json, ParseJson(text, what));
  if (!json.is_object()) return base::InvalidArgument(what, ": want an object");
  return json;
}

std::string DumpJson(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool SameJson(const Json& a, const Json& b) {
  if (a.is_object() && b.is_object()) {
    if (a.size() != b.size()) return false;
    return std::all_of(a.items().begin(), a.items().end(), [&](const auto& item) {
      const Json* other = MemberOf(b, item.key());
      return other != nullptr && SameJson(item.value(), *other);
    });
  }
  if (a.is_array() && b.is_array()) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), SameJson);
  }
  return a == b;
}

std::string ChildPath(std::string_view parent, std::string_view name) {
  return base::StrCat(parent, parent.empty() ? "" : ".", name);
}

const Json* MemberOf(const Json& object, std::string_view name) {
  const auto found = object.find(std::string(name));
  return found == object.end() ? nullptr : &*found;
}

FieldFacts FactsOf(const google::protobuf::Descriptor* type, std::string_view json_name) {
  FieldFacts facts;
  facts.field = FindField(type, json_name);
  if (facts.field == nullptr) return facts;
  facts.type = ObjectType(*facts.field);
  const GoField& options = facts.field->options().GetExtension(go);
  for (const std::string& strategy : options.patch()) {
    facts.merge = facts.merge || strategy == "merge";
    facts.replace = facts.replace || strategy == "replace";
    facts.retain_keys = facts.retain_keys || strategy == "retainKeys";
  }
  facts.merge_key = options.merge_key();
  facts.list_type = options.list_type();
  facts.list_keys.assign(options.list_key().begin(), options.list_key().end());
  facts.atomic = options.map_type() == "atomic";
  return facts;
}

Json DefaultOf(const google::protobuf::Descriptor* type, std::string_view json_name) {
  const auto* field = FindField(type, json_name);
  if (field == nullptr) return nullptr;
  const GoField& options = field->options().GetExtension(go);
  if (!options.has_default_json()) return nullptr;
  Json json = Json::parse(options.default_json(), nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? Json(nullptr) : json;
}

}  // namespace berth::api::internal
