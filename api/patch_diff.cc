// SPDX-License-Identifier: Apache-2.0
// The strategic merge patch between two states of an object.
#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <set>
#include <string>

#include "api/patch.h"
#include "api/patch_json.h"
#include "api/patch_order.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::api {
namespace {

using google::protobuf::Descriptor;
using internal::FieldFacts;
using internal::Json;

Json Difference(const Descriptor* type, const Json& before, const Json& after);

const Json* FindByKey(const Json& list, const Json& element, const std::string& merge_key) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const Json& other) {
    return internal::SameElement(other, element, merge_key);
  });
  return found == list.end() ? nullptr : &*found;
}

// Can elements be told apart by the key? A merge would otherwise lose some.
bool KeysAreUnique(const Json& list, const std::string& merge_key) {
  std::set<std::string> seen;
  return std::all_of(list.begin(), list.end(), [&](const Json& element) {
    if (!element.is_object()) return false;
    const Json* key = internal::MemberOf(element, merge_key);
    return key != nullptr && seen.insert(internal::DumpJson(*key)).second;
  });
}

Json ChangedElement(const FieldFacts& facts, const Json& old, const Json& element) {
  Json changed = Json::object();
  changed[facts.merge_key] = element[facts.merge_key];
  changed.update(Difference(facts.type, old, element));
  if (facts.retain_keys) {
    Json keys = Json::array();
    for (const auto& [key, value] : element.items()) keys.push_back(key);
    std::sort(keys.begin(), keys.end());
    changed["$retainKeys"] = std::move(keys);
  }
  return changed;
}

void DiffByKey(const FieldFacts& facts, const std::string& name, const Json& before,
               const Json& after, Json& patch) {
  Json changes = Json::array();
  Json order = Json::array();
  for (const Json& element : after) {
    order.push_back(Json::object({{facts.merge_key, element[facts.merge_key]}}));
    const Json* old = FindByKey(before, element, facts.merge_key);
    if (old == nullptr) {
      changes.push_back(element);
    } else if (!internal::SameJson(*old, element)) {
      changes.push_back(ChangedElement(facts, *old, element));
    }
  }
  for (const Json& element : before) {
    if (FindByKey(after, element, facts.merge_key) != nullptr) continue;
    changes.push_back(
        Json::object({{"$patch", "delete"}, {facts.merge_key, element[facts.merge_key]}}));
  }
  if (!order.empty()) patch[base::StrCat("$setElementOrder/", name)] = std::move(order);
  if (!changes.empty()) patch[name] = std::move(changes);
}

void DiffPrimitives(const std::string& name, const Json& before, const Json& after, Json& patch) {
  const auto missing = [](const Json& from, const Json& in) {
    Json list = Json::array();
    for (const Json& element : from) {
      if (std::find(in.begin(), in.end(), element) == in.end()) list.push_back(element);
    }
    return list;
  };
  Json removed = missing(before, after);
  Json added = missing(after, before);
  if (!removed.empty()) patch[base::StrCat("$deleteFromPrimitiveList/", name)] = removed;
  if (!after.empty()) patch[base::StrCat("$setElementOrder/", name)] = after;
  if (!added.empty()) patch[name] = std::move(added);
}

void DiffList(const FieldFacts& facts, const std::string& name, const Json& before,
              const Json& after, Json& patch) {
  if (!facts.merge) {
    patch[name] = after;
  } else if (facts.merge_key.empty()) {
    DiffPrimitives(name, before, after, patch);
  } else if (KeysAreUnique(before, facts.merge_key) && KeysAreUnique(after, facts.merge_key)) {
    DiffByKey(facts, name, before, after, patch);
  } else {
    patch[name] = after;
    patch[name].push_back(Json::object({{"$patch", "replace"}}));
  }
}

Json DiffObject(const FieldFacts& facts, const Json& before, const Json& after) {
  Json patch = Difference(facts.type, before, after);
  if (facts.retain_keys) {
    Json keys = Json::array();
    for (const auto& [key, value] : after.items()) keys.push_back(key);
    std::sort(keys.begin(), keys.end());
    patch["$retainKeys"] = std::move(keys);
  }
  return patch;
}

Json Difference(const Descriptor* type, const Json& before, const Json& after) {
  Json patch = Json::object();
  for (const auto& [key, value] : before.items()) {
    if (!after.contains(key)) patch[key] = nullptr;
  }
  for (const auto& [key, value] : after.items()) {
    const Json* old = internal::MemberOf(before, key);
    if (old == nullptr) {
      patch[key] = value;
      continue;
    }
    if (internal::SameJson(*old, value)) continue;
    const FieldFacts facts = internal::FactsOf(type, key);
    if (old->is_array() && value.is_array()) {
      DiffList(facts, key, *old, value, patch);
    } else if (old->is_object() && value.is_object() && !facts.replace) {
      patch[key] = DiffObject(facts, *old, value);
    } else {
      patch[key] = value;
    }
  }
  return patch;
}

}  // namespace

absl::StatusOr<std::string> MakeStrategicPatch(const Descriptor& type, std::string_view before,
                                               std::string_view after) {
  ASSIGN_OR_RETURN(const Json from, internal::ParseJsonObject(before, "before"));
  ASSIGN_OR_RETURN(const Json to, internal::ParseJsonObject(after, "after"));
  return internal::DumpJson(Difference(&type, from, to));
}

}  // namespace berth::api
