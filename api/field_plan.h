// SPDX-License-Identifier: Apache-2.0
// What the codec needs to know of a message type, read once from its descriptor and options.
// Plans are made on first use, live for ever and may be used from any thread.
#ifndef BERTH_API_FIELD_PLAN_H_
#define BERTH_API_FIELD_PLAN_H_

#include <string>
#include <vector>

#include "base/strings.h"

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
}  // namespace google::protobuf

namespace berth::api {

struct TypePlan;

enum class FieldShape { kScalar, kMessage, kList, kMap };

struct FieldPlan {
  const google::protobuf::FieldDescriptor* field = nullptr;
  FieldShape shape = FieldShape::kScalar;
  bool inline_ = false;
  bool omitempty = false;
  bool omitzero = false;
  bool pointer = false;
  bool never_null = false;  // an empty list is []: upstream's server makes it before it fills it
  std::string json_name;
  std::string json_prefix;         // "name":
  const TypePlan* type = nullptr;  // of a message, of list elements or of map values
  const google::protobuf::FieldDescriptor* map_key = nullptr;
  const google::protobuf::FieldDescriptor* map_value = nullptr;
};

// Where a JSON member lives: through which inlined messages, in which field.
struct MemberPlan {
  std::vector<const google::protobuf::FieldDescriptor*> inlined;
  const FieldPlan* field = nullptr;
};

struct TypePlan {
  const google::protobuf::Descriptor* type = nullptr;
  int shape = 0;                  // berth::api::Shape
  bool kind = false;              // apiVersion and kind stand beside the members
  std::string kind_prefix;        // "kind":"Pod","apiVersion":"v1"
  std::vector<FieldPlan> fields;  // in JSON's order
  std::vector<const FieldPlan*> by_number;
  base::StringMap<MemberPlan> members;
};

const TypePlan& PlanOf(const google::protobuf::Descriptor& type);

}  // namespace berth::api

#endif  // BERTH_API_FIELD_PLAN_H_
