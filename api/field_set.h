// SPDX-License-Identifier: Apache-2.0
// Which fields of an object somebody manages: the set behind metadata.managedFields[].fieldsV1 of
// server-side apply (KEP-555). Pure values.
#ifndef BERTH_API_FIELD_SET_H_
#define BERTH_API_FIELD_SET_H_

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace berth::api {

// From the object's root; each element as FieldsV1 writes it: "f:spec" a member,
// `k:{"name":"a"}` the element of a list with these keys, `v:"x"` the element of a set.
using FieldPath = std::vector<std::string>;
using FieldSet = std::set<FieldPath>;

FieldSet Union(const FieldSet& a, const FieldSet& b);
FieldSet Difference(const FieldSet& a, const FieldSet& b);
FieldSet Intersection(const FieldSet& a, const FieldSet& b);

// FieldsV1, elements in order: {"f:data":{"f:a":{}}}.
std::string EncodeFields(const FieldSet& fields);
// InvalidArgument for what is no such document.
absl::StatusOr<FieldSet> ParseFields(std::string_view fields_v1);

// As conflicts name it: .spec.template.spec.containers[name="web"].image
std::string ToText(const FieldPath& path);

bool StartsWith(const FieldPath& path, const FieldPath& prefix);

}  // namespace berth::api

#endif  // BERTH_API_FIELD_SET_H_
