// SPDX-License-Identifier: Apache-2.0
// Strategic merge patch: RFC 7386 plus lists that merge by key and directives in the patch.
#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <string>

#include "api/patch.h"
#include "api/patch_json.h"
#include "api/patch_order.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::api {
namespace {

using google::protobuf::Descriptor;
using internal::ChildPath;
using internal::FieldFacts;
using internal::Json;

constexpr std::string_view kDirective = "$patch";
constexpr std::string_view kRetainKeys = "$retainKeys";
constexpr std::string_view kOrder = "$setElementOrder/";
constexpr std::string_view kDeleteFrom = "$deleteFromPrimitiveList/";

absl::Status MergeObject(const Descriptor* type, const Json& patch, std::string_view path,
                         Json& target);

// A value that is new to the document: without directives and without nulls.
Json Clean(const Json& value) {
  if (value.is_array()) {
    Json list = Json::array();
    for (const Json& element : value) {
      if (element.is_object() && element.contains(kDirective)) continue;
      list.push_back(Clean(element));
    }
    return list;
  }
  if (!value.is_object()) return value;
  Json object = Json::object();
  for (const auto& [key, member] : value.items()) {
    if (member.is_null() || key == kDirective || key == kRetainKeys || key.starts_with(kOrder) ||
        key.starts_with(kDeleteFrom)) {
      continue;
    }
    object[key] = Clean(member);
  }
  return object;
}

absl::Status MergePrimitives(const Json& patch, Json& target) {
  for (const Json& element : patch) {
    const bool there = std::any_of(target.begin(), target.end(), [&](const Json& old) {
      return internal::SameJson(old, element);
    });
    if (!there) target.push_back(element);
  }
  return absl::OkStatus();
}

Json::iterator FindByKey(Json& list, const Json& element, const std::string& merge_key) {
  return std::find_if(list.begin(), list.end(), [&](const Json& old) {
    return internal::SameElement(old, element, merge_key);
  });
}

// Takes out what the patch deletes, and everything when the patch says "replace".
absl::Status ObeyDirectives(const std::string& merge_key, const Json& patch, std::string_view path,
                            Json& target) {
  bool replace = false;
  for (size_t i = 0; i < patch.size(); ++i) {
    const Json* directive = internal::MemberOf(patch[i], kDirective);
    if (directive == nullptr) continue;
    if (*directive == "replace") {
      replace = true;
    } else if (*directive == "delete") {
      if (!patch[i].contains(merge_key)) {
        return base::InvalidArgument(path, "[", i, "]: map: ", internal::DumpJson(patch[i]),
                                     " does not contain declared merge key: ", merge_key);
      }
      for (auto at = FindByKey(target, patch[i], merge_key); at != target.end();
           at = FindByKey(target, patch[i], merge_key)) {
        target.erase(at);
      }
    } else if (*directive != "merge") {
      return base::InvalidArgument(path, "[", i,
                                   "]: unknown patch type: ", internal::DumpJson(*directive));
    }
  }
  if (replace) target = Json::array();
  return absl::OkStatus();
}

absl::Status MergeByKey(const FieldFacts& facts, const Json& patch, std::string_view path,
                        Json& target) {
  const std::string& key = facts.merge_key;
  for (size_t i = 0; i < patch.size(); ++i) {
    if (!patch[i].is_object()) {
      return base::InvalidArgument(path, "[", i, "]: want an object");
    }
  }
  RETURN_IF_ERROR(ObeyDirectives(key, patch, path, target));
  for (size_t i = 0; i < patch.size(); ++i) {
    const Json* directive = internal::MemberOf(patch[i], kDirective);
    if (directive != nullptr && *directive != "merge") continue;
    if (!patch[i].contains(key)) {
      return base::InvalidArgument(path, "[", i, "]: map: ", internal::DumpJson(patch[i]),
                                   " does not contain declared merge key: ", key);
    }
    const auto found = FindByKey(target, patch[i], key);
    if (found == target.end()) {
      Json element = patch[i];
      element.erase(std::string(kDirective));
      target.push_back(Clean(element));
    } else {
      const std::string at = base::StrCat(path, "[", i, "]");
      RETURN_IF_ERROR(MergeObject(facts.type, patch[i], at, *found));
    }
  }
  return absl::OkStatus();
}

absl::Status MergeList(const FieldFacts& facts, const Json& patch, std::string_view path,
                       Json& target) {
  if (!facts.merge) {
    target = Clean(patch);
    return absl::OkStatus();
  }
  if (facts.merge_key.empty()) return MergePrimitives(patch, target);
  return MergeByKey(facts, patch, path, target);
}

absl::Status MergeMember(const FieldFacts& facts, const Json& patch, std::string_view path,
                         Json& target, const std::string& key) {
  const auto found = target.find(key);
  if (patch.is_null()) {
    target.erase(key);
  } else if (patch.is_array() && (facts.merge || (found != target.end() && found->is_array()))) {
    if (found == target.end() || !found->is_array()) target[key] = Json::array();
    return MergeList(facts, patch, path, target[key]);
  } else if (found == target.end() || !found->is_object() || !patch.is_object()) {
    if (patch.is_object() && patch.contains(kDirective)) {
      target[key] = Json::object();
      return MergeObject(facts.type, patch, path, target[key]);
    }
    target[key] = Clean(patch);
  } else if (facts.replace) {
    target[key] = Clean(patch);
  } else {
    return MergeObject(facts.type, patch, path, *found);
  }
  return absl::OkStatus();
}

absl::Status RetainKeys(const Json& patch, std::string_view path, Json& target) {
  const Json* keep = internal::MemberOf(patch, kRetainKeys);
  if (keep == nullptr) return absl::OkStatus();
  if (!keep->is_array()) {
    return base::InvalidArgument(ChildPath(path, kRetainKeys),
                                 ": invalid patch format of retainKeys");
  }
  const auto kept = [&](const std::string& key) {
    return std::find(keep->begin(), keep->end(), Json(key)) != keep->end();
  };
  for (const auto& [key, value] : patch.items()) {
    if (!key.starts_with('$') && !value.is_null() && !kept(key)) {
      return base::InvalidArgument(ChildPath(path, key), ": invalid patch format of retainKeys");
    }
  }
  Json left = Json::object();
  for (const auto& [key, value] : target.items()) {
    if (kept(key)) left[key] = value;
  }
  target = std::move(left);
  return absl::OkStatus();
}

absl::Status DeleteFromPrimitives(const Json& patch, std::string_view path, Json& target) {
  for (const auto& [key, value] : patch.items()) {
    if (!key.starts_with(kDeleteFrom)) continue;
    if (!value.is_array()) return base::InvalidArgument(ChildPath(path, key), ": want a list");
    const auto found = target.find(key.substr(kDeleteFrom.size()));
    if (found == target.end() || !found->is_array()) continue;
    Json left = Json::array();
    for (const Json& element : *found) {
      if (std::find(value.begin(), value.end(), element) == value.end()) left.push_back(element);
    }
    *found = std::move(left);
  }
  return absl::OkStatus();
}

absl::Status SetOrder(const Descriptor* type, const Json& before, const Json& patch,
                      std::string_view path, Json& target) {
  for (const auto& [key, order] : patch.items()) {
    if (!key.starts_with(kOrder)) continue;
    if (!order.is_array()) return base::InvalidArgument(ChildPath(path, key), ": want a list");
    const std::string name = key.substr(kOrder.size());
    const auto found = target.find(name);
    const FieldFacts facts = internal::FactsOf(type, name);
    if (found == target.end() || !found->is_array() || !facts.merge) continue;
    const Json* live = internal::MemberOf(before, name);
    *found =
        internal::InOrder(*found, order, live == nullptr ? Json::array() : *live, facts.merge_key);
  }
  return absl::OkStatus();
}

absl::Status MergeObject(const Descriptor* type, const Json& patch, std::string_view path,
                         Json& target) {
  if (const Json* directive = internal::MemberOf(patch, kDirective)) {
    if (*directive == "delete") {
      target = Json::object();
      return absl::OkStatus();
    }
    if (*directive == "replace") {
      target = Clean(patch);
      return absl::OkStatus();
    }
    if (*directive != "merge") {
      return base::InvalidArgument(ChildPath(path, kDirective),
                                   ": unknown patch type: ", internal::DumpJson(*directive));
    }
  }
  RETURN_IF_ERROR(RetainKeys(patch, path, target));
  const bool ordered = std::any_of(patch.items().begin(), patch.items().end(),
                                   [](const auto& i) { return i.key().starts_with(kOrder); });
  const Json before = ordered ? target : Json::object();
  RETURN_IF_ERROR(DeleteFromPrimitives(patch, path, target));
  for (const auto& [key, value] : patch.items()) {
    if (key == kDirective || key == kRetainKeys || key.starts_with(kOrder) ||
        key.starts_with(kDeleteFrom)) {
      continue;
    }
    RETURN_IF_ERROR(
        MergeMember(internal::FactsOf(type, key), value, ChildPath(path, key), target, key));
  }
  return SetOrder(type, before, patch, path, target);
}

}  // namespace

absl::StatusOr<std::string> StrategicMergePatch(const Descriptor& type, std::string_view document,
                                                std::string_view patch) {
  ASSIGN_OR_RETURN(Json target, internal::ParseJsonObject(document, "document"));
  ASSIGN_OR_RETURN(const Json change, internal::ParseJsonObject(patch, "patch"));
  RETURN_IF_ERROR(MergeObject(&type, change, "", target));
  return internal::DumpJson(target);
}

}  // namespace berth::api
