// SPDX-License-Identifier: Apache-2.0
// The structured merge of server-side apply.
#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <string>

#include "api/patch.h"
#include "api/patch_json.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::api {
namespace {

using google::protobuf::Descriptor;
using internal::ChildPath;
using internal::FieldFacts;
using internal::Json;

absl::Status MergeObject(const Descriptor* type, const Json& applied, std::string_view path,
                         Json& target);

// The element's identity; a key that is left out has the schema's default.
absl::StatusOr<Json> Identity(const FieldFacts& facts, const Json& element, std::string_view path) {
  if (!element.is_object()) return base::InvalidArgument(path, ": want an object");
  Json identity = Json::array();
  for (const std::string& key : facts.list_keys) {
    const Json* value = internal::MemberOf(element, key);
    identity.push_back(value != nullptr ? *value : internal::DefaultOf(facts.type, key));
  }
  if (std::all_of(identity.begin(), identity.end(), [](const Json& j) { return j.is_null(); })) {
    return base::InvalidArgument(path,
                                 ": associative list with keys has an element that omits key "
                                 "field \"",
                                 facts.list_keys.front(), "\"");
  }
  return identity;
}

absl::Status MergeMapList(const FieldFacts& facts, const Json& applied, std::string_view path,
                          Json& target) {
  Json seen = Json::array();
  for (size_t i = 0; i < applied.size(); ++i) {
    const std::string at = base::StrCat(path, "[", i, "]");
    ASSIGN_OR_RETURN(const Json identity, Identity(facts, applied[i], at));
    if (std::find(seen.begin(), seen.end(), identity) != seen.end()) {
      return base::InvalidArgument(at, ": duplicate entries for key ",
                                   internal::DumpJson(identity));
    }
    seen.push_back(identity);
    Json* same = nullptr;
    for (size_t j = 0; j < target.size() && same == nullptr; ++j) {
      ASSIGN_OR_RETURN(const Json other,
                       Identity(facts, target[j], base::StrCat(path, "[", j, "]")));
      if (other == identity) same = &target[j];
    }
    if (same == nullptr) {
      target.push_back(Json::object());
      same = &target.back();
    }
    RETURN_IF_ERROR(MergeObject(facts.type, applied[i], at, *same));
  }
  return absl::OkStatus();
}

absl::Status MergeList(const FieldFacts& facts, const Json& applied, std::string_view path,
                       Json& target) {
  if (facts.list_type == "map") return MergeMapList(facts, applied, path, target);
  if (facts.list_type != "set") {
    target = applied;
    return absl::OkStatus();
  }
  for (const Json& element : applied) {
    if (std::find(target.begin(), target.end(), element) == target.end()) target.push_back(element);
  }
  return absl::OkStatus();
}

absl::Status MergeObject(const Descriptor* type, const Json& applied, std::string_view path,
                         Json& target) {
  for (const auto& [key, value] : applied.items()) {
    if (value.is_null()) continue;
    const FieldFacts facts = internal::FactsOf(type, key);
    const std::string at = ChildPath(path, key);
    if (value.is_array()) {
      if (!target.contains(key) || !target[key].is_array()) target[key] = Json::array();
      RETURN_IF_ERROR(MergeList(facts, value, at, target[key]));
    } else if (value.is_object() && !facts.atomic) {
      if (!target.contains(key) || !target[key].is_object()) target[key] = Json::object();
      RETURN_IF_ERROR(MergeObject(facts.type, value, at, target[key]));
    } else {
      target[key] = value;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ApplyPatch(const Descriptor& type, std::string_view document,
                                       std::string_view applied) {
  ASSIGN_OR_RETURN(Json target, internal::ParseJsonObject(document, "document"));
  ASSIGN_OR_RETURN(const Json change, internal::ParseJsonObject(applied, "applied"));
  RETURN_IF_ERROR(MergeObject(&type, change, "", target));
  return internal::DumpJson(target);
}

}  // namespace berth::api
