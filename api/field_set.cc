// SPDX-License-Identifier: Apache-2.0
#include "api/field_set.h"

#include <algorithm>
#include <iterator>

#include "api/patch_json.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::api {
namespace {

using internal::Json;

constexpr char kSelf[] = ".";  // the path itself, where something below it is in the set, too

absl::Status Collect(const Json& node, FieldPath& at, FieldSet& out) {
  if (!node.is_object()) return base::InvalidArgument("fieldsV1: want objects only");
  if (node.empty()) {
    if (!at.empty()) out.insert(at);
    return absl::OkStatus();
  }
  for (const auto& [key, child] : node.items()) {
    if (key == kSelf) {
      out.insert(at);
      continue;
    }
    if (key.size() < 2 || key[1] != ':' || std::string_view("fkvi").find(key[0]) == key.npos) {
      return base::InvalidArgument("fieldsV1: want f:, k:, v: or i:, got \"", key, "\"");
    }
    at.push_back(key);
    RETURN_IF_ERROR(Collect(child, at, out));
    at.pop_back();
  }
  return absl::OkStatus();
}

std::string KeysText(const std::string& keys) {
  const Json json = Json::parse(keys, nullptr, /*allow_exceptions=*/false);
  std::vector<std::string> parts;
  for (const auto& [key, value] : json.items()) {
    parts.push_back(base::StrCat(key, "=", internal::DumpJson(value)));
  }
  return base::Join(parts, ",");
}

}  // namespace

FieldSet Union(const FieldSet& a, const FieldSet& b) {
  FieldSet out;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::inserter(out, out.end()));
  return out;
}

FieldSet Difference(const FieldSet& a, const FieldSet& b) {
  FieldSet out;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::inserter(out, out.end()));
  return out;
}

FieldSet Intersection(const FieldSet& a, const FieldSet& b) {
  FieldSet out;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(out, out.end()));
  return out;
}

std::string EncodeFields(const FieldSet& fields) {
  Json root = Json::object();
  for (const FieldPath& path : fields) {
    Json* node = &root;
    for (const std::string& element : path) {
      // A parent comes before its children: so far it was a leaf, and now it must say so.
      Json& child = (*node)[element];
      if (child.is_null()) child = Json::object();
      node = &child;
    }
    const auto next = fields.upper_bound(path);
    if (next != fields.end() && StartsWith(*next, path)) (*node)[kSelf] = Json::object();
  }
  return internal::DumpJson(root);
}

absl::StatusOr<FieldSet> ParseFields(std::string_view fields_v1) {
  FieldSet out;
  FieldPath at;
  ASSIGN_OR_RETURN(const Json json, internal::ParseJsonObject(fields_v1, "fieldsV1"));
  RETURN_IF_ERROR(Collect(json, at, out));
  return out;
}

std::string ToText(const FieldPath& path) {
  std::string out;
  for (const std::string& element : path) {
    const std::string rest = element.substr(2);
    switch (element[0]) {
      case 'k':
        out += base::StrCat("[", KeysText(rest), "]");
        break;
      case 'v':
        out += base::StrCat("[=", rest, "]");
        break;
      case 'i':
        out += base::StrCat("[", rest, "]");
        break;
      default:
        out += base::StrCat(".", rest);
    }
  }
  return out;
}

bool StartsWith(const FieldPath& path, const FieldPath& prefix) {
  return path.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), path.begin());
}

}  // namespace berth::api
