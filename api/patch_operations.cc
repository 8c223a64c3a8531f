// SPDX-License-Identifier: Apache-2.0
// RFC 6902: a list of operations on places in a document.
#include <optional>
#include <string>
#include <vector>

#include "api/patch.h"
#include "api/patch_json.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::api {
namespace {

using internal::Json;

constexpr size_t kMaxOperations = 10000;

template <class... Parts>
absl::Status DoesNotApply(const Parts&... parts) {
  return base::FailedPrecondition(parts...);
}

std::string Unescape(std::string_view token) {
  std::string text;
  for (size_t at = 0; at < token.size(); ++at) {
    if (token[at] == '~' && at + 1 < token.size() &&
        (token[at + 1] == '0' || token[at + 1] == '1')) {
      text.push_back(token[++at] == '0' ? '~' : '/');
    } else {
      text.push_back(token[at]);
    }
  }
  return text;
}

// The index that `key` means in `list`; negative ones count from the end.
absl::StatusOr<size_t> IndexIn(const Json& list, const std::string& key, size_t limit) {
  std::optional<int64_t> index = base::ParseInt<int64_t>(key);
  if (!index) return DoesNotApply("strconv.Atoi: parsing \"", key, "\": invalid syntax");
  const int64_t given = *index;
  if (*index < 0) *index += static_cast<int64_t>(list.size());
  if (*index < 0 || *index >= static_cast<int64_t>(limit)) {
    return DoesNotApply("Unable to access invalid index: ", given, ": invalid index referenced");
  }
  return static_cast<size_t>(*index);
}

// A place: the container and the key in it. The container is null where the path leads nowhere.
struct Place {
  Json* container = nullptr;
  std::string key;
};

Place Find(Json& document, std::string_view path) {
  Place place{&document, ""};
  if (path.empty() || path[0] != '/') return {nullptr, ""};
  const std::vector<std::string_view> tokens = base::Split(path.substr(1), '/');
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (!place.container->is_structured()) return {nullptr, ""};
    place.key = Unescape(tokens[i]);
    if (i + 1 == tokens.size()) break;
    if (place.container->is_object()) {
      const auto found = place.container->find(place.key);
      if (found == place.container->end()) return {nullptr, ""};
      place.container = &*found;
    } else {
      const auto index = IndexIn(*place.container, place.key, place.container->size());
      if (!index.ok()) return {nullptr, ""};
      place.container = &(*place.container)[*index];
    }
  }
  return place;
}

absl::StatusOr<Json*> Get(const Place& place) {
  if (place.container->is_object()) {
    const auto found = place.container->find(place.key);
    if (found == place.container->end()) {
      return DoesNotApply("unable to get nonexistent key: ", place.key, ": missing value");
    }
    return &*found;
  }
  ASSIGN_OR_RETURN(const size_t index,
                   IndexIn(*place.container, place.key, place.container->size()));
  return &(*place.container)[index];
}

absl::Status AddAt(const Place& place, Json value) {
  if (place.container->is_object()) {
    (*place.container)[place.key] = std::move(value);
    return absl::OkStatus();
  }
  if (place.key == "-") {
    place.container->push_back(std::move(value));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const size_t index,
                   IndexIn(*place.container, place.key, place.container->size() + 1));
  place.container->insert(place.container->begin() + static_cast<std::ptrdiff_t>(index),
                          std::move(value));
  return absl::OkStatus();
}

absl::Status RemoveAt(const Place& place) {
  if (place.container->is_object()) {
    if (place.container->erase(place.key) == 0) {
      return DoesNotApply("unable to remove nonexistent key: ", place.key, ": missing value");
    }
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const size_t index,
                   IndexIn(*place.container, place.key, place.container->size()));
  place.container->erase(index);
  return absl::OkStatus();
}

struct Operation {
  std::string op;
  std::string path;
  std::string from;
  Json value;
};

absl::StatusOr<std::string> Text(const Json& operation, std::string_view name, size_t index) {
  const Json* text = internal::MemberOf(operation, name);
  if (text == nullptr || !text->is_string()) {
    return base::InvalidArgument("patch[", index, "].", name, ": want a string");
  }
  return text->get<std::string>();
}

absl::StatusOr<Operation> Read(const Json& json, size_t index) {
  if (!json.is_object()) return base::InvalidArgument("patch[", index, "]: want an object");
  Operation operation;
  ASSIGN_OR_RETURN(operation.op, Text(json, "op", index));
  ASSIGN_OR_RETURN(operation.path, Text(json, "path", index));
  if (operation.op == "move" || operation.op == "copy") {
    ASSIGN_OR_RETURN(operation.from, Text(json, "from", index));
  }
  if (const Json* value = internal::MemberOf(json, "value")) operation.value = *value;
  return operation;
}

absl::Status Move(const Operation& o, Json& document) {
  const Place from = Find(document, o.from);
  if (from.container == nullptr) {
    return DoesNotApply(o.op, " operation does not apply: doc is missing from path: ", o.from,
                        ": missing value");
  }
  ASSIGN_OR_RETURN(const Json* found, Get(from), "error in ", o.op, " for path: '", o.from, "'");
  Json value = *found;
  if (o.op == "move") {
    RETURN_IF_ERROR(RemoveAt(from), "error in move for path: '", o.from, "'");
  }
  const Place to = Find(document, o.path);
  if (to.container == nullptr) {
    return DoesNotApply(o.op,
                        " operation does not apply: doc is missing destination path: ", o.path,
                        ": missing value");
  }
  RETURN_IF_ERROR(AddAt(to, std::move(value)), "error in ", o.op, " for path: '", o.path, "'");
  return absl::OkStatus();
}

absl::Status Replace(const Operation& o, Json& document) {
  const Place place = Find(document, o.path);
  if (place.container == nullptr) {
    return DoesNotApply("replace operation does not apply: doc is missing path: ", o.path,
                        ": missing value");
  }
  const absl::StatusOr<Json*> found = Get(place);
  if (!found.ok()) {
    return DoesNotApply("replace operation does not apply: doc is missing key: ", o.path,
                        ": missing value");
  }
  **found = o.value;
  return absl::OkStatus();
}

absl::Status Test(const Operation& o, Json& document) {
  const Json* found = &document;
  if (!o.path.empty()) {
    const Place place = Find(document, o.path);
    if (place.container == nullptr) {
      return DoesNotApply("test operation does not apply: is missing path: ", o.path,
                          ": missing value");
    }
    const absl::StatusOr<Json*> value = Get(place);
    found = value.ok() ? *value : nullptr;
  }
  if (found == nullptr ? o.value.is_null() : internal::SameJson(*found, o.value)) {
    return absl::OkStatus();
  }
  return DoesNotApply("testing value ", o.path, " failed: test failed");
}

absl::Status Execute(const Operation& o, Json& document) {
  if (o.op == "test") return Test(o, document);
  if (o.op == "move" || o.op == "copy") return Move(o, document);
  if (o.path.empty() && (o.op == "add" || o.op == "replace")) {
    document = o.value;
    return absl::OkStatus();
  }
  if (o.op == "replace") return Replace(o, document);
  if (o.op != "add" && o.op != "remove") return DoesNotApply("Unexpected kind: ", o.op);
  const Place place = Find(document, o.path);
  if (place.container == nullptr) {
    return DoesNotApply(o.op, " operation does not apply: doc is missing path: \"", o.path,
                        "\": missing value");
  }
  RETURN_IF_ERROR(o.op == "add" ? AddAt(place, o.value) : RemoveAt(place), "error in ", o.op,
                  " for path: '", o.path, "'");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> JsonPatch(std::string_view document, std::string_view patch) {
  ASSIGN_OR_RETURN(Json target, internal::ParseJson(document, "document"));
  ASSIGN_OR_RETURN(const Json operations, internal::ParseJson(patch, "patch"));
  if (!operations.is_array()) return base::InvalidArgument("patch: want a list of operations");
  if (operations.size() > kMaxOperations) {
    return base::InvalidArgument("The allowed maximum operations in a JSON patch is ",
                                 kMaxOperations, ", got ", operations.size());
  }
  for (size_t i = 0; i < operations.size(); ++i) {
    ASSIGN_OR_RETURN(const Operation operation, Read(operations[i], i));
    RETURN_IF_ERROR(Execute(operation, target));
  }
  return internal::DumpJson(target);
}

}  // namespace berth::api
