// SPDX-License-Identifier: Apache-2.0
#include "api/field_ownership.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <array>
#include <map>

#include "api/patch_json.h"
#include "base/status.h"

namespace berth::api {
namespace {

using google::protobuf::Descriptor;
using internal::FieldFacts;
using internal::Json;

// What a path holds, keys of objects in order; "" for an element of a list.
using Leaves = std::map<FieldPath, std::string>;

constexpr std::array<std::string_view, 10> kServersMetadata = {"f:name",
                                                               "f:namespace",
                                                               "f:uid",
                                                               "f:generation",
                                                               "f:creationTimestamp",
                                                               "f:deletionTimestamp",
                                                               "f:selfLink",
                                                               "f:managedFields",
                                                               "f:resourceVersion",
                                                               "f:deletionGracePeriodSeconds"};

bool Managed(const FieldPath& path) {
  if (path.size() == 1) return path[0] != "f:apiVersion" && path[0] != "f:kind";
  return path[0] != "f:metadata" || std::find(kServersMetadata.begin(), kServersMetadata.end(),
                                              path[1]) == kServersMetadata.end();
}

// How FieldsV1 names an element of a list that is a set or has keys.
absl::StatusOr<std::string> ElementOf(const FieldFacts& facts, const Json& element) {
  if (facts.list_type == "set") return "v:" + nlohmann::json(element).dump();
  if (!element.is_object()) return base::InvalidArgument("want an object in a list of objects");
  nlohmann::json keys = nlohmann::json::object();
  for (const std::string& key : facts.list_keys) {
    const Json* value = internal::MemberOf(element, key);
    const Json given = value != nullptr ? *value : internal::DefaultOf(facts.type, key);
    if (!given.is_null()) keys[key] = given;
  }
  if (keys.empty()) return base::InvalidArgument("an element of a list has no key");
  return "k:" + keys.dump();
}

bool HasElements(const FieldFacts& facts, const Json& value) {
  return value.is_array() && (facts.list_type == "map" || facts.list_type == "set");
}

absl::Status Flatten(const Descriptor* type, const Json& object, FieldPath& at, Leaves& out) {
  for (const auto& [name, value] : object.items()) {
    if (value.is_null()) continue;
    const FieldFacts facts = internal::FactsOf(type, name);
    at.push_back("f:" + name);
    if (HasElements(facts, value) && !value.empty()) {
      for (const Json& element : value) {
        ASSIGN_OR_RETURN(std::string key, ElementOf(facts, element), ToText(at));
        at.push_back(std::move(key));
        out[at];
        if (element.is_object()) RETURN_IF_ERROR(Flatten(facts.type, element, at, out));
        at.pop_back();
      }
    } else if (value.is_object() && !facts.atomic && !value.empty()) {
      RETURN_IF_ERROR(Flatten(facts.type, value, at, out));
    } else if (Managed(at)) {
      out[at] = nlohmann::json(value).dump();
    }
    at.pop_back();
  }
  return absl::OkStatus();
}

absl::StatusOr<Leaves> LeavesOf(const Descriptor& type, std::string_view document) {
  ASSIGN_OR_RETURN(const Json json, internal::ParseJsonObject(document, "document"));
  Leaves leaves;
  FieldPath at;
  RETURN_IF_ERROR(Flatten(&type, json, at, leaves));
  return leaves;
}

// Takes out what `gone` names. Paths in it that begin alike stand together.
absl::Status Remove(const Descriptor* type, const FieldSet& gone, FieldPath& at, Json& object) {
  for (auto member = object.begin(); member != object.end();) {
    const FieldFacts facts = internal::FactsOf(type, member.key());
    at.push_back("f:" + member.key());
    const bool goes = gone.contains(at);
    Json& value = *member;
    if (!goes && HasElements(facts, value)) {
      for (size_t i = 0; i < value.size();) {
        ASSIGN_OR_RETURN(std::string key, ElementOf(facts, value[i]), ToText(at));
        at.push_back(std::move(key));
        const bool element_goes = gone.contains(at);
        if (!element_goes && value[i].is_object()) {
          RETURN_IF_ERROR(Remove(facts.type, gone, at, value[i]));
        }
        at.pop_back();
        if (element_goes) {
          value.erase(i);
        } else {
          ++i;
        }
      }
    } else if (!goes && value.is_object() && !facts.atomic) {
      RETURN_IF_ERROR(Remove(facts.type, gone, at, value));
    }
    at.pop_back();
    member = goes ? object.erase(member) : std::next(member);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FieldSet> FieldsOf(const Descriptor& type, std::string_view document) {
  ASSIGN_OR_RETURN(const Leaves leaves, LeavesOf(type, document));
  FieldSet fields;
  for (const auto& [path, value] : leaves) fields.insert(fields.end(), path);
  return fields;
}

absl::StatusOr<FieldChanges> CompareFields(const Descriptor& type, std::string_view before,
                                           std::string_view after) {
  ASSIGN_OR_RETURN(const Leaves old, LeavesOf(type, before));
  ASSIGN_OR_RETURN(const Leaves now, LeavesOf(type, after));
  FieldChanges changes;
  for (const auto& [path, value] : now) {
    const auto was = old.find(path);
    if (was == old.end() || was->second != value) changes.written.insert(path);
  }
  for (const auto& [path, value] : old) {
    if (!now.contains(path)) changes.removed.insert(path);
  }
  return changes;
}

absl::StatusOr<std::string> RemoveFields(const Descriptor& type, std::string_view document,
                                         const FieldSet& no_longer, const FieldSet& owned) {
  FieldSet gone;
  for (FieldPath path : no_longer) {
    // Upwards, as long as nobody owns anything there; an object without metadata is none.
    for (; !path.empty() && path != FieldPath{"f:metadata"}; path.pop_back()) {
      const auto next = owned.lower_bound(path);
      if (next != owned.end() && StartsWith(*next, path)) break;
      gone.insert(path);
    }
  }
  ASSIGN_OR_RETURN(Json json, internal::ParseJsonObject(document, "document"));
  FieldPath at;
  RETURN_IF_ERROR(Remove(&type, gone, at, json));
  return internal::DumpJson(json);
}

}  // namespace berth::api
