// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/object_path.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>

#include <vector>

#include "base/strings.h"

namespace berth::controlplane {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Reflection;

const FieldDescriptor* FieldOf(const api::Message& object, std::string_view json_name) {
  const auto* type = object.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    if (type->field(i)->json_name() == json_name) return type->field(i);
  }
  return nullptr;
}

std::string Text(const api::Message& object, const FieldDescriptor* field) {
  const Reflection* reflection = object.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection->GetString(object, field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->GetBool(object, field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_INT32:
      return base::StrCat(reflection->GetInt32(object, field));
    case FieldDescriptor::CPPTYPE_INT64:
      return base::StrCat(reflection->GetInt64(object, field));
    default:
      return "";
  }
}

}  // namespace

const api::Message* MemberOf(const api::Message& object, std::string_view json_name) {
  const FieldDescriptor* field = FieldOf(object, json_name);
  if (field == nullptr || field->is_repeated() ||
      field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
      !object.GetReflection()->HasField(object, field)) {
    return nullptr;
  }
  return &object.GetReflection()->GetMessage(object, field);
}

std::string ScalarAt(const api::Message& object, std::string_view json_path) {
  const api::Message* at = &object;
  std::string_view rest = json_path;
  while (true) {
    const auto [head, tail] = base::SplitOnce(rest, '.');
    if (!tail.has_value()) {
      const FieldDescriptor* field = FieldOf(*at, head);
      return field == nullptr || field->is_repeated() ? "" : Text(*at, field);
    }
    at = MemberOf(*at, head);
    if (at == nullptr) return "";
    rest = *tail;
  }
}

bool HasMember(const api::Message& object, std::string_view json_name) {
  return FieldOf(object, json_name) != nullptr;
}

void CopyMember(const api::Message& from, api::Message& to, std::string_view json_name) {
  const FieldDescriptor* field = FieldOf(to, json_name);
  if (field == nullptr || field->is_repeated() ||
      field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    return;
  }
  if (!from.GetReflection()->HasField(from, field)) {
    to.GetReflection()->ClearField(&to, field);
    return;
  }
  to.GetReflection()
      ->MutableMessage(&to, field)
      ->CopyFrom(from.GetReflection()->GetMessage(from, field));
}

void ClearMember(api::Message& object, std::string_view json_name) {
  if (const FieldDescriptor* field = FieldOf(object, json_name)) {
    object.GetReflection()->ClearField(&object, field);
  }
}

std::string Fingerprint(const api::Message& object) {
  std::string out;
  {
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    object.SerializePartialToCodedStream(&coded);
  }
  return out;
}

bool SameMember(const api::Message& a, const api::Message& b, std::string_view json_name) {
  const api::Message* in_a = MemberOf(a, json_name);
  const api::Message* in_b = MemberOf(b, json_name);
  if (in_a == nullptr || in_b == nullptr) {
    return (in_a == nullptr || in_a->ByteSizeLong() == 0) &&
           (in_b == nullptr || in_b->ByteSizeLong() == 0);
  }
  return Fingerprint(*in_a) == Fingerprint(*in_b);
}

}  // namespace berth::controlplane
