// SPDX-License-Identifier: Apache-2.0
// Messages to and from the native wire, byte for byte as upstream's encoder writes it.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <cstring>

#include "api/codec.h"
#include "api/field_plan.h"
#include "api/proto/go_facts.pb.h"
#include "api/proto/special.pb.h"
#include "api/wire_path.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::api {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Reflection;

constexpr std::string_view kMagic("k8s\0", 4);

void AppendVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void AppendTag(std::string& out, int number, int wire_type) {
  AppendVarint(out, static_cast<uint64_t>(number) << 3 | wire_type);
}

void AppendBytes(std::string& out, int number, std::string_view bytes) {
  AppendTag(out, number, 2);
  AppendVarint(out, bytes.size());
  out.append(bytes);
}

class WireEncoder {
 public:
  explicit WireEncoder(std::string& out) : out_(out) {}

  void Fields(const Message& object, const TypePlan& plan) {
    // Go's zero Time is an empty message; a zero Quantity prints itself as "0".
    if (plan.shape == QUANTITY) {
      const std::string& text = static_cast<const Quantity&>(object).string();
      return AppendBytes(out_, 1, text.empty() ? "0" : text);
    }
    const Reflection& reflection = *object.GetReflection();
    if (plan.shape == TIME || plan.shape == MICRO_TIME) {
      const bool unset = !reflection.HasField(object, plan.fields[0].field) &&
                         !reflection.HasField(object, plan.fields[1].field);
      if (unset) return;
      // Upstream's times have whole seconds, its micro times micros.
      const int32_t nanos = reflection.GetInt32(object, plan.fields[1].field);
      Varint(1, reflection.GetInt64(object, plan.fields[0].field));
      return Varint(2, plan.shape == TIME ? 0 : nanos / 1000 * 1000);
    }
    for (const FieldPlan* field : plan.by_number) Field(object, reflection, *field);
  }

 private:
  void Field(const Message& object, const Reflection& reflection, const FieldPlan& field) {
    switch (field.shape) {
      case FieldShape::kMap:
        return Map(object, reflection, field);
      case FieldShape::kList:
        for (int i = 0; i < reflection.FieldSize(object, field.field); ++i) {
          Element(object, reflection, field, i);
        }
        return;
      case FieldShape::kMessage:
        if (field.pointer && !reflection.HasField(object, field.field)) return;
        return SubMessage(reflection.GetMessage(object, field.field), field.field->number(),
                          *field.type);
      case FieldShape::kScalar:
        const bool nil = field.pointer || field.field->type() == FieldDescriptor::TYPE_BYTES;
        if (nil && !reflection.HasField(object, field.field)) return;
        return Scalar(object, reflection, *field.field);
    }
  }

  // The length stands before the content: content first, then moved up by the length's bytes.
  void SubMessage(const Message& object, int number, const TypePlan& plan) {
    AppendTag(out_, number, 2);
    const size_t start = out_.size();
    Fields(object, plan);
    InsertLength(start);
  }

  void InsertLength(size_t start) {
    std::string length;
    AppendVarint(length, out_.size() - start);
    out_.insert(start, length);
  }

  void Map(const Message& object, const Reflection& reflection, const FieldPlan& field) {
    const int size = reflection.FieldSize(object, field.field);
    if (size == 0) return;
    std::vector<const Message*> entries;
    entries.reserve(size);
    for (int i = 0; i < size; ++i) {
      entries.push_back(&reflection.GetRepeatedMessage(object, field.field, i));
    }
    const Reflection& entry = *entries.front()->GetReflection();
    std::string scratch;
    std::sort(entries.begin(), entries.end(), [&](const Message* a, const Message* b) {
      return entry.GetStringReference(*a, field.map_key, &scratch) <
             entry.GetStringReference(*b, field.map_key, &scratch);
    });
    for (const Message* e : entries) {
      AppendTag(out_, field.field->number(), 2);
      const size_t start = out_.size();
      AppendBytes(out_, 1, entry.GetStringReference(*e, field.map_key, &scratch));
      if (field.type != nullptr) {
        SubMessage(entry.GetMessage(*e, field.map_value), 2, *field.type);
      } else {
        Scalar(*e, entry, *field.map_value);
      }
      InsertLength(start);
    }
  }

  void Element(const Message& object, const Reflection& reflection, const FieldPlan& field, int i) {
    const int number = field.field->number();
    if (field.type != nullptr) {
      return SubMessage(reflection.GetRepeatedMessage(object, field.field, i), number, *field.type);
    }
    std::string scratch;
    switch (field.field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return AppendBytes(out_, number,
                           reflection.GetRepeatedStringReference(object, field.field, i, &scratch));
      case FieldDescriptor::CPPTYPE_INT32:
        return Varint(number, reflection.GetRepeatedInt32(object, field.field, i));
      case FieldDescriptor::CPPTYPE_INT64:
        return Varint(number, reflection.GetRepeatedInt64(object, field.field, i));
      case FieldDescriptor::CPPTYPE_BOOL:
        return Varint(number, reflection.GetRepeatedBool(object, field.field, i));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return Double(number, reflection.GetRepeatedDouble(object, field.field, i));
      default:
        return;
    }
  }

  void Scalar(const Message& object, const Reflection& reflection, const FieldDescriptor& field) {
    std::string scratch;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return AppendBytes(out_, field.number(),
                           reflection.GetStringReference(object, &field, &scratch));
      case FieldDescriptor::CPPTYPE_INT32:
        return Varint(field.number(), reflection.GetInt32(object, &field));
      case FieldDescriptor::CPPTYPE_INT64:
        return Varint(field.number(), reflection.GetInt64(object, &field));
      case FieldDescriptor::CPPTYPE_BOOL:
        return Varint(field.number(), reflection.GetBool(object, &field));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return Double(field.number(), reflection.GetDouble(object, &field));
      default:
        return;
    }
  }

  void Varint(int number, int64_t value) {
    AppendTag(out_, number, 0);
    AppendVarint(out_, static_cast<uint64_t>(value));
  }

  void Double(int number, double value) {
    AppendTag(out_, number, 1);
    char bytes[sizeof value];
    std::memcpy(bytes, &value,
                sizeof value);  // the wire is little-endian, as the machines we run on
    out_.append(bytes, sizeof value);
  }

  std::string& out_;
};

absl::StatusOr<Unknown> OpenEnvelope(std::string_view bytes) {
  if (bytes.substr(0, kMagic.size()) != kMagic) {
    return base::InvalidArgument("no Kubernetes protobuf: the first bytes are not \"k8s\\0\"");
  }
  Unknown envelope;
  bytes.remove_prefix(kMagic.size());
  if (!envelope.ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return base::InvalidArgument("malformed protobuf envelope");
  }
  return envelope;
}

absl::Status ParseBody(const Unknown& envelope, Message& object) {
  if (object.ParsePartialFromString(envelope.raw())) return absl::OkStatus();
  const std::string where = FirstBadField(envelope.raw(), *object.GetDescriptor());
  return base::InvalidArgument(where.empty() ? object.GetDescriptor()->name() : where,
                               ": malformed protobuf");
}

}  // namespace

std::string EncodeProtoBody(const Message& object) {
  std::string out;
  WireEncoder(out).Fields(object, PlanOf(*object.GetDescriptor()));
  return out;
}

std::string EncodeProto(const Message& object) {
  const GroupVersionKind kind = KindOf(object);
  std::string type;
  AppendBytes(type, 1, kind.ApiVersion());
  AppendBytes(type, 2, kind.kind);
  std::string out(kMagic);
  AppendBytes(out, 1, type);
  AppendBytes(out, 2, EncodeProtoBody(object));
  AppendBytes(out, 3, "");
  AppendBytes(out, 4, "");
  return out;
}

absl::Status DecodeProto(std::string_view bytes, Message& object) {
  ASSIGN_OR_RETURN(const Unknown envelope, OpenEnvelope(bytes));
  const std::string& want = object.GetDescriptor()->name();
  if (!envelope.type_meta().kind().empty() && envelope.type_meta().kind() != want) {
    return base::InvalidArgument("kind: want ", want, ", got ", envelope.type_meta().kind());
  }
  return ParseBody(envelope, object);
}

absl::StatusOr<std::unique_ptr<Message>> DecodeProtoObject(std::string_view bytes) {
  ASSIGN_OR_RETURN(const Unknown envelope, OpenEnvelope(bytes));
  const auto& type = envelope.type_meta();
  auto object = NewObject(GroupVersionKind::From(type.api_version(), type.kind()));
  if (object == nullptr) {
    return base::InvalidArgument("no kind \"", type.kind(), "\" is registered for version \"",
                                 type.api_version(), "\"");
  }
  RETURN_IF_ERROR(ParseBody(envelope, *object));
  return object;
}

}  // namespace berth::api
