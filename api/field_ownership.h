// SPDX-License-Identifier: Apache-2.0
// The fields that a JSON document of a known type sets, how two documents differ in them, and their
// removal: what server-side apply needs beside the merge (patch.h). Lists of type map count by
// element and keys, sets by value; whatever the schema calls atomic is one field. Pure.
//
// InvalidArgument: a document is no JSON object, or an element of a list lacks its keys.
#ifndef BERTH_API_FIELD_OWNERSHIP_H_
#define BERTH_API_FIELD_OWNERSHIP_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "api/field_set.h"

namespace google::protobuf {
class Descriptor;
}

namespace berth::api {

// Without apiVersion, kind and the members of metadata that the server owns or that identify the
// object: nobody manages these.
absl::StatusOr<FieldSet> FieldsOf(const google::protobuf::Descriptor& type,
                                  std::string_view document);

struct FieldChanges {
  FieldSet written;  // added, or with another value
  FieldSet removed;
};
absl::StatusOr<FieldChanges> CompareFields(const google::protobuf::Descriptor& type,
                                           std::string_view before, std::string_view after);

// `document` without what `no_longer` names and `owned` does not: a field, an element with all that
// is in it, and a structure in which nothing is owned any more.
absl::StatusOr<std::string> RemoveFields(const google::protobuf::Descriptor& type,
                                         std::string_view document, const FieldSet& no_longer,
                                         const FieldSet& owned);

}  // namespace berth::api

#endif  // BERTH_API_FIELD_OWNERSHIP_H_
