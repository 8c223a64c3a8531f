// SPDX-License-Identifier: Apache-2.0
// RFC 7386.
#include "api/patch.h"
#include "api/patch_json.h"
#include "base/status.h"

namespace berth::api {
namespace {

using internal::Json;

void Merge(Json& target, const Json& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = Json::object();
  for (const auto& [key, value] : patch.items()) {
    if (value.is_null()) {
      target.erase(key);
    } else {
      Merge(target[key], value);
    }
  }
}

Json Difference(const Json& before, const Json& after) {
  Json patch = Json::object();
  for (const auto& [key, value] : before.items()) {
    if (!after.contains(key)) patch[key] = nullptr;
  }
  for (const auto& [key, value] : after.items()) {
    const Json* old = internal::MemberOf(before, key);
    if (old != nullptr && internal::SameJson(*old, value)) continue;
    patch[key] =
        old != nullptr && old->is_object() && value.is_object() ? Difference(*old, value) : value;
  }
  return patch;
}

}  // namespace

absl::StatusOr<std::string> MergePatch(std::string_view document, std::string_view patch) {
  ASSIGN_OR_RETURN(Json target, internal::ParseJson(document, "document"));
  ASSIGN_OR_RETURN(const Json change, internal::ParseJsonObject(patch, "patch"));
  Merge(target, change);
  return internal::DumpJson(target);
}

absl::StatusOr<std::string> MakeMergePatch(std::string_view before, std::string_view after) {
  ASSIGN_OR_RETURN(const Json from, internal::ParseJsonObject(before, "before"));
  ASSIGN_OR_RETURN(const Json to, internal::ParseJsonObject(after, "after"));
  return internal::DumpJson(Difference(from, to));
}

}  // namespace berth::api
