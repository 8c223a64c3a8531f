// SPDX-License-Identifier: Apache-2.0
// Messages to Kubernetes JSON, by plan and reflection.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>

#include "api/codec.h"
#include "api/field_plan.h"
#include "api/json_text.h"
#include "api/proto/go_facts.pb.h"
#include "api/proto/special.pb.h"
#include "base/strings.h"

namespace berth::api {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Reflection;

class JsonEncoder {
 public:
  explicit JsonEncoder(std::string& out) : out_(out) {}

  // A whole object: the only place where kind and apiVersion are printed; items of lists and
  // objects inside others go without.
  void Root(const Message& object, const TypePlan& plan) {
    if (plan.shape != OBJECT) return Value(object, plan);
    Object(object, plan, plan.kind);
  }

 private:
  void Value(const Message& value, const TypePlan& plan) {
    switch (plan.shape) {
      case OBJECT:
        return Object(value, plan, false);
      case QUANTITY: {
        const auto& text = static_cast<const Quantity&>(value).string();
        return AppendJsonString(out_, text.empty() ? "0" : text);
      }
      case INT_OR_STRING: {
        const auto& v = static_cast<const IntOrString&>(value);
        if (v.type() == 1) return AppendJsonString(out_, v.str_val());
        return base::StrAppend(out_, v.int_val());
      }
      case TIME:
        return Time(static_cast<const berth::api::Time&>(value), 0);
      case MICRO_TIME:
        return Time(static_cast<const MicroTime&>(value), 6);
      case DURATION:
        out_.push_back('"');
        AppendGoDuration(out_, static_cast<const Duration&>(value).duration());
        return out_.push_back('"');
      case RAW_EXTENSION:
        return Raw(static_cast<const RawExtension&>(value).raw());
      case FIELDS_V1:
        return Raw(static_cast<const FieldsV1&>(value).raw());
      case STRING_LIST:
        return StringList(value, plan);
    }
  }

  void Object(const Message& object, const TypePlan& plan, bool with_kind) {
    out_.push_back('{');
    bool first = true;
    if (with_kind) {
      out_.append(plan.kind_prefix);
      first = false;
    }
    Members(object, plan, first);
    out_.push_back('}');
  }

  void Name(const FieldPlan& field, bool& first) {
    if (!first) out_.push_back(',');
    first = false;
    out_.append(field.json_prefix);
  }

  void Members(const Message& object, const TypePlan& plan, bool& first) {
    const Reflection& reflection = *object.GetReflection();
    for (const FieldPlan& field : plan.fields) {
      if (field.inline_) {
        Members(reflection.GetMessage(object, field.field), *field.type, first);
        continue;
      }
      switch (field.shape) {
        case FieldShape::kScalar:
          ScalarMember(object, reflection, field, first);
          break;
        case FieldShape::kMessage:
          MessageMember(object, reflection, field, first);
          break;
        case FieldShape::kList:
        case FieldShape::kMap:
          RepeatedMember(object, reflection, field, first);
          break;
      }
    }
  }

  void ScalarMember(const Message& object, const Reflection& reflection, const FieldPlan& field,
                    bool& first) {
    const bool set = reflection.HasField(object, field.field);
    const bool nil = field.pointer || field.field->type() == FieldDescriptor::TYPE_BYTES
                         ? !set
                         : field.omitempty && (!set || IsZero(object, reflection, *field.field));
    if (nil && field.omitempty) return;
    Name(field, first);
    if (nil) {
      out_.append("null");
    } else {
      Scalar(object, reflection, *field.field);
    }
  }

  void MessageMember(const Message& object, const Reflection& reflection, const FieldPlan& field,
                     bool& first) {
    const bool set = reflection.HasField(object, field.field);
    if (!set && (field.pointer ? field.omitempty : field.omitzero)) return;
    const Message& value = reflection.GetMessage(object, field.field);
    if (field.omitzero && value.ByteSizeLong() == 0) return;
    Name(field, first);
    if (!set && field.pointer) {
      out_.append("null");
    } else {
      Value(value, *field.type);
    }
  }

  void RepeatedMember(const Message& object, const Reflection& reflection, const FieldPlan& field,
                      bool& first) {
    const int size = reflection.FieldSize(object, field.field);
    if (size == 0 && field.omitempty) return;
    Name(field, first);
    if (size == 0) {
      out_.append(field.never_null ? "[]" : "null");
    } else if (field.shape == FieldShape::kMap) {
      Map(object, reflection, field, size);
    } else {
      out_.push_back('[');
      for (int i = 0; i < size; ++i) {
        if (i > 0) out_.push_back(',');
        Element(object, reflection, field, i);
      }
      out_.push_back(']');
    }
  }

  void Element(const Message& object, const Reflection& reflection, const FieldPlan& field, int i) {
    if (field.type != nullptr) {
      return Value(reflection.GetRepeatedMessage(object, field.field, i), *field.type);
    }
    switch (field.field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string scratch;
        const std::string& text =
            reflection.GetRepeatedStringReference(object, field.field, i, &scratch);
        return field.field->type() == FieldDescriptor::TYPE_BYTES ? AppendJsonBase64(out_, text)
                                                                  : AppendJsonString(out_, text);
      }
      case FieldDescriptor::CPPTYPE_INT32:
        return base::StrAppend(out_, reflection.GetRepeatedInt32(object, field.field, i));
      case FieldDescriptor::CPPTYPE_INT64:
        return base::StrAppend(out_, reflection.GetRepeatedInt64(object, field.field, i));
      case FieldDescriptor::CPPTYPE_BOOL:
        return base::StrAppend(out_, reflection.GetRepeatedBool(object, field.field, i));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return base::StrAppend(out_, reflection.GetRepeatedDouble(object, field.field, i));
      default:
        out_.append("null");  // the schema has no other types
    }
  }

  void Map(const Message& object, const Reflection& reflection, const FieldPlan& field, int size) {
    std::vector<const Message*> entries;
    entries.reserve(size);
    for (int i = 0; i < size; ++i) {
      entries.push_back(&reflection.GetRepeatedMessage(object, field.field, i));
    }
    const Reflection& entry = *entries.front()->GetReflection();
    const auto key = [&](const Message& e) -> std::string_view {
      return entry.GetStringReference(e, field.map_key, &scratch_);
    };
    std::sort(entries.begin(), entries.end(),
              [&](const Message* a, const Message* b) { return key(*a) < key(*b); });
    out_.push_back('{');
    for (const Message* e : entries) {
      if (e != entries.front()) out_.push_back(',');
      AppendJsonString(out_, key(*e));
      out_.push_back(':');
      if (field.type != nullptr) {
        Value(entry.GetMessage(*e, field.map_value), *field.type);
      } else {
        Scalar(*e, entry, *field.map_value);
      }
    }
    out_.push_back('}');
  }

  static bool IsZero(const Message& object, const Reflection& reflection,
                     const FieldDescriptor& field) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string scratch;
        return reflection.GetStringReference(object, &field, &scratch).empty();
      }
      case FieldDescriptor::CPPTYPE_INT32:
        return reflection.GetInt32(object, &field) == 0;
      case FieldDescriptor::CPPTYPE_INT64:
        return reflection.GetInt64(object, &field) == 0;
      case FieldDescriptor::CPPTYPE_BOOL:
        return !reflection.GetBool(object, &field);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return reflection.GetDouble(object, &field) == 0;
      default:
        return false;
    }
  }

  void Scalar(const Message& object, const Reflection& reflection, const FieldDescriptor& field) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string scratch;
        const std::string& text = reflection.GetStringReference(object, &field, &scratch);
        return field.type() == FieldDescriptor::TYPE_BYTES ? AppendJsonBase64(out_, text)
                                                           : AppendJsonString(out_, text);
      }
      case FieldDescriptor::CPPTYPE_INT32:
        return base::StrAppend(out_, reflection.GetInt32(object, &field));
      case FieldDescriptor::CPPTYPE_INT64:
        return base::StrAppend(out_, reflection.GetInt64(object, &field));
      case FieldDescriptor::CPPTYPE_BOOL:
        return base::StrAppend(out_, reflection.GetBool(object, &field));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return base::StrAppend(out_, reflection.GetDouble(object, &field));
      default:
        out_.append("null");
    }
  }

  template <class T>
  void Time(const T& time, int decimals) {
    if (!time.has_seconds() && !time.has_nanos()) {
      out_.append("null");
      return;
    }
    out_.push_back('"');
    AppendTime(out_, {time.seconds(), time.nanos()}, decimals);
    out_.push_back('"');
  }

  // What a RawExtension holds: JSON, or an object on the protobuf wire.
  void Raw(const std::string& raw) {
    if (raw.empty()) {
      out_.append("null");
    } else if (raw.size() >= 4 &&
               std::string_view(raw).substr(0, 4) == std::string_view("k8s\0", 4)) {
      const auto object =
          raw_depth_ < kMaxRawDepth ? DecodeProtoObject(raw) : absl::OutOfRangeError("too deep");
      if (object.ok()) {
        ++raw_depth_;
        Root(**object, PlanOf(*(*object)->GetDescriptor()));
        --raw_depth_;
      } else {
        out_.append("null");
      }
    } else {
      AppendRawJson(out_, raw);
    }
  }

  void StringList(const Message& list, const TypePlan& plan) {
    const Reflection& reflection = *list.GetReflection();
    const FieldPlan& items = plan.fields.front();
    out_.push_back('[');
    for (int i = 0; i < reflection.FieldSize(list, items.field); ++i) {
      if (i > 0) out_.push_back(',');
      Element(list, reflection, items, i);
    }
    out_.push_back(']');
  }

  // Objects on the wire within objects on the wire; deeper ones are printed as null.
  static constexpr int kMaxRawDepth = 16;

  std::string& out_;
  int raw_depth_ = 0;
  std::string scratch_;  // protobuf asks for one and, with these string fields, leaves it alone
};

}  // namespace

void AppendJson(const Message& object, std::string& out) {
  JsonEncoder(out).Root(object, PlanOf(*object.GetDescriptor()));
}

std::string EncodeJson(const Message& object, JsonStyle style) {
  std::string out;
  AppendJson(object, out);
  return style == JsonStyle::kPretty ? IndentJson(out) : out;
}

}  // namespace berth::api
