// SPDX-License-Identifier: Apache-2.0
// Kubernetes JSON to messages. Every error names the path of the bad field.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <simdjson.h>

#include <limits>

#include "api/codec.h"
#include "api/field_plan.h"
#include "api/json_text.h"
#include "api/proto/go_facts.pb.h"
#include "api/proto/special.pb.h"
#include "api/quantity.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::api {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Reflection;
using simdjson::dom::element;
using simdjson::dom::element_type;

// One step of a path, on the stack of the decoder's recursion.
struct Step {
  const Step* parent = nullptr;
  std::string_view name;  // of a member; "" for an element
  size_t index = 0;

  std::string Path() const {
    std::string path = parent == nullptr ? std::string() : parent->Path();
    if (name.empty()) {
      base::StrAppend(path, "[", index, "]");
    } else {
      base::StrAppend(path, path.empty() ? "" : ".", name);
    }
    return path;
  }
};

std::string PathOf(const Step* step) { return step == nullptr ? "" : step->Path(); }

std::string_view TypeName(const element& value) {
  switch (value.type()) {
    case element_type::ARRAY:
      return "a list";
    case element_type::OBJECT:
      return "an object";
    case element_type::STRING:
      return "a string";
    case element_type::BOOL:
      return "a boolean";
    case element_type::NULL_VALUE:
      return "null";
    default:
      return "a number";
  }
}

class JsonDecoder {
 public:
  explicit JsonDecoder(const DecodeOptions& options) : options_(options) {}

  absl::Status Value(const element& value, Message& out, const TypePlan& plan, const Step* at) {
    switch (plan.shape) {
      case OBJECT:
        return Object(value, out, plan, at);
      case QUANTITY:
        return DecodeQuantity(value, static_cast<Quantity&>(out), at);
      case INT_OR_STRING:
        return DecodeIntOrString(value, static_cast<IntOrString&>(out), at);
      case TIME:
        return DecodeTime(value, static_cast<Time&>(out), at);
      case MICRO_TIME:
        return DecodeTime(value, static_cast<MicroTime&>(out), at);
      case DURATION:
        return DecodeDuration(value, static_cast<Duration&>(out), at);
      case RAW_EXTENSION:
        static_cast<RawExtension&>(out).set_raw(simdjson::minify(value));
        return absl::OkStatus();
      case FIELDS_V1:
        static_cast<FieldsV1&>(out).set_raw(simdjson::minify(value));
        return absl::OkStatus();
      default:
        return List(value, out, plan.fields.front(), at);
    }
  }

  absl::Status Strict() const {
    if (found_.empty() || !options_.strict) return absl::OkStatus();
    return base::InvalidArgument("strict decoding error: ", base::Join(found_, ", "));
  }
  void Report() {
    if (options_.unknown == nullptr) return;
    options_.unknown->insert(options_.unknown->end(), found_.begin(), found_.end());
  }

 private:
  static absl::Status Want(std::string_view what, const element& value, const Step* at) {
    return base::InvalidArgument(PathOf(at), at == nullptr ? "" : ": ", "want ", what, ", got ",
                                 TypeName(value));
  }
  static absl::Status Bad(const Step* at, std::string_view what) {
    return base::InvalidArgument(PathOf(at), at == nullptr ? "" : ": ", what);
  }
  bool Watching() const { return options_.strict || options_.unknown != nullptr; }

  absl::Status Object(const element& value, Message& out, const TypePlan& plan, const Step* at) {
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return Want("an object", value, at);
    base::StringSet seen;
    for (const auto [name, member] : object) {
      const Step step{at, name, 0};
      if (Watching() && !seen.emplace(name).second) {
        found_.push_back(base::StrCat("duplicate field \"", step.Path(), "\""));
      }
      const auto it = plan.members.find(name);
      if (it != plan.members.end()) {
        RETURN_IF_ERROR(Member(member, out, it->second, &step));
      } else if (plan.kind && (name == "kind" || name == "apiVersion")) {
        RETURN_IF_ERROR(CheckKind(name, member, plan, &step));
      } else if (Watching()) {
        found_.push_back(base::StrCat("unknown field \"", step.Path(), "\""));
      }
    }
    return absl::OkStatus();
  }

  static absl::Status CheckKind(std::string_view name, const element& value, const TypePlan& plan,
                                const Step* at) {
    std::string_view text;
    if (value.is_null()) return absl::OkStatus();
    if (value.get(text) != simdjson::SUCCESS) return Want("a string", value, at);
    const GroupVersionKind kind = KindOf(*plan.type);
    // Kinds of meta/v1 are served in every group.
    const bool any_group = plan.type->file()->package() == "berth.api.meta.v1";
    const std::string want = name == "kind" ? kind.kind : kind.ApiVersion();
    if (text.empty() || text == want || (name == "apiVersion" && any_group))
      return absl::OkStatus();
    return Bad(at, base::StrCat("want \"", want, "\", got \"", text, "\""));
  }

  absl::Status Member(const element& value, Message& out, const MemberPlan& member,
                      const Step* at) {
    if (value.is_null()) return absl::OkStatus();  // Go leaves the zero value
    Message* target = &out;
    for (const FieldDescriptor* field : member.inlined) {
      target = target->GetReflection()->MutableMessage(target, field);
    }
    const FieldPlan& field = *member.field;
    const Reflection& reflection = *target->GetReflection();
    switch (field.shape) {
      case FieldShape::kScalar:
        return Scalar(value, *target, reflection, *field.field, at);
      case FieldShape::kMessage:
        return Value(value, *reflection.MutableMessage(target, field.field), *field.type, at);
      case FieldShape::kList:
        return List(value, *target, field, at);
      case FieldShape::kMap:
        return Map(value, *target, reflection, field, at);
    }
    return absl::OkStatus();
  }

  absl::Status List(const element& value, Message& out, const FieldPlan& field, const Step* at) {
    simdjson::dom::array array;
    if (value.get(array) != simdjson::SUCCESS) return Want("a list", value, at);
    const Reflection& reflection = *out.GetReflection();
    reflection.ClearField(&out, field.field);
    size_t index = 0;
    for (const element item : array) {
      const Step step{at, "", index++};
      if (field.type != nullptr) {
        Message& element_message = *reflection.AddMessage(&out, field.field);
        if (!item.is_null()) {
          RETURN_IF_ERROR(Value(item, element_message, *field.type, &step));
        }
      } else {
        RETURN_IF_ERROR(AddScalar(item, out, reflection, *field.field, &step));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Map(const element& value, Message& out, const Reflection& reflection,
                   const FieldPlan& field, const Step* at) {
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return Want("an object", value, at);
    reflection.ClearField(&out, field.field);
    base::StringMap<Message*> seen;
    for (const auto [name, member] : object) {
      const Step step{at, name, 0};
      Message*& entry = seen[std::string(name)];
      if (entry == nullptr) {
        entry = reflection.AddMessage(&out, field.field);
      } else if (Watching()) {
        found_.push_back(base::StrCat("duplicate field \"", step.Path(), "\""));
      }
      const Reflection& in_entry = *entry->GetReflection();
      in_entry.SetString(entry, field.map_key, std::string(name));
      if (field.type != nullptr) {
        Message& slot = *in_entry.MutableMessage(entry, field.map_value);
        if (!member.is_null()) {
          RETURN_IF_ERROR(Value(member, slot, *field.type, &step));
        }
      } else if (member.is_null()) {
        SetZero(*entry, in_entry, *field.map_value);
      } else {
        RETURN_IF_ERROR(Scalar(member, *entry, in_entry, *field.map_value, &step));
      }
    }
    return absl::OkStatus();
  }

  static void SetZero(Message& out, const Reflection& reflection, const FieldDescriptor& field) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) reflection.SetString(&out, &field, "");
  }

  static absl::StatusOr<std::string> Text(const element& value, const FieldDescriptor& field,
                                          const Step* at) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return Want("a string", value, at);
    if (field.type() != FieldDescriptor::TYPE_BYTES) return std::string(text);
    auto bytes = DecodeBase64(text);
    if (!bytes) return Bad(at, "want base64 with padding");
    return *std::move(bytes);
  }

  template <class Int>
  static absl::StatusOr<Int> Integer(const element& value, const Step* at) {
    int64_t number = 0;
    if (!value.is_number()) return Want("a number", value, at);
    if (value.get(number) != simdjson::SUCCESS || number < std::numeric_limits<Int>::min() ||
        number > std::numeric_limits<Int>::max()) {
      return Bad(at, base::StrCat("want a whole number of ", sizeof(Int) * 8, " bits"));
    }
    return static_cast<Int>(number);
  }

  static absl::Status Scalar(const element& value, Message& out, const Reflection& reflection,
                             const FieldDescriptor& field, const Step* at) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        ASSIGN_OR_RETURN(std::string text, Text(value, field, at));
        reflection.SetString(&out, &field, std::move(text));
        break;
      }
      case FieldDescriptor::CPPTYPE_INT32: {
        ASSIGN_OR_RETURN(const int32_t number, Integer<int32_t>(value, at));
        reflection.SetInt32(&out, &field, number);
        break;
      }
      case FieldDescriptor::CPPTYPE_INT64: {
        ASSIGN_OR_RETURN(const int64_t number, Integer<int64_t>(value, at));
        reflection.SetInt64(&out, &field, number);
        break;
      }
      case FieldDescriptor::CPPTYPE_BOOL: {
        bool flag = false;
        if (value.get(flag) != simdjson::SUCCESS) return Want("a boolean", value, at);
        reflection.SetBool(&out, &field, flag);
        break;
      }
      case FieldDescriptor::CPPTYPE_DOUBLE: {
        double number = 0;
        if (value.get(number) != simdjson::SUCCESS) return Want("a number", value, at);
        reflection.SetDouble(&out, &field, number);
        break;
      }
      default:
        return Bad(at, "a type that the schema does not use");
    }
    return absl::OkStatus();
  }

  static absl::Status AddScalar(const element& value, Message& out, const Reflection& reflection,
                                const FieldDescriptor& field, const Step* at) {
    const bool null = value.is_null();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string text;
        if (!null) {
          ASSIGN_OR_RETURN(text, Text(value, field, at));
        }
        reflection.AddString(&out, &field, std::move(text));
        break;
      }
      case FieldDescriptor::CPPTYPE_INT32: {
        int32_t number = 0;
        if (!null) {
          ASSIGN_OR_RETURN(number, Integer<int32_t>(value, at));
        }
        reflection.AddInt32(&out, &field, number);
        break;
      }
      case FieldDescriptor::CPPTYPE_INT64: {
        int64_t number = 0;
        if (!null) {
          ASSIGN_OR_RETURN(number, Integer<int64_t>(value, at));
        }
        reflection.AddInt64(&out, &field, number);
        break;
      }
      case FieldDescriptor::CPPTYPE_BOOL: {
        bool flag = false;
        if (!null && value.get(flag) != simdjson::SUCCESS) return Want("a boolean", value, at);
        reflection.AddBool(&out, &field, flag);
        break;
      }
      default:
        return Bad(at, "a type that the schema does not use");
    }
    return absl::OkStatus();
  }

  static absl::Status DecodeQuantity(const element& value, Quantity& out, const Step* at) {
    std::string_view text;
    std::string number;
    if (value.get(text) != simdjson::SUCCESS) {
      if (!value.is_number()) return Want("a quantity", value, at);
      number = simdjson::minify(value);
      text = number;
    }
    ASSIGN_OR_RETURN(std::string canonical, CanonicalQuantity(text), PathOf(at));
    out.set_string(std::move(canonical));
    return absl::OkStatus();
  }

  static absl::Status DecodeIntOrString(const element& value, IntOrString& out, const Step* at) {
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) {
      out.set_type(1);
      out.set_str_val(std::string(text));
      return absl::OkStatus();
    }
    if (!value.is_number()) return Want("a number or a string", value, at);
    ASSIGN_OR_RETURN(const int32_t number, Integer<int32_t>(value, at));
    out.set_type(0);
    out.set_int_val(number);
    return absl::OkStatus();
  }

  template <class T>
  static absl::Status DecodeTime(const element& value, T& out, const Step* at) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return Want("a time", value, at);
    const auto time = ParseTime(text);
    if (!time) {
      return Bad(at,
                 base::StrCat("want a time such as \"2006-01-02T15:04:05Z\", got \"", text, "\""));
    }
    out.set_seconds(time->seconds);
    // metav1.Time has seconds, MicroTime micros.
    out.set_nanos(std::is_same_v<T, Time> ? 0 : time->nanos / 1000 * 1000);
    return absl::OkStatus();
  }

  static absl::Status DecodeDuration(const element& value, Duration& out, const Step* at) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return Want("a duration", value, at);
    const auto nanoseconds = ParseGoDuration(text);
    if (!nanoseconds) return Bad(at, "want a duration such as \"1h2m3s\"");
    out.set_duration(*nanoseconds);
    return absl::OkStatus();
  }

  const DecodeOptions& options_;
  std::vector<std::string> found_;  // unknown and duplicate fields
};

// Parsers keep their buffers; one that has grown on a big document is let go.
class ParserLease {
 public:
  static constexpr size_t kKeep = 1 << 20;
  ~ParserLease() {
    if (Parser().capacity() > kKeep) Parser() = simdjson::dom::parser();
  }
  static simdjson::dom::parser& Parser() {
    thread_local simdjson::dom::parser parser;
    return parser;
  }
};

absl::StatusOr<element> Parse(std::string_view json) {
  element root;
  const auto error = ParserLease::Parser().parse(json.data(), json.size()).get(root);
  if (error != simdjson::SUCCESS) {
    return base::InvalidArgument("malformed JSON: ", simdjson::error_message(error));
  }
  return root;
}

absl::Status Fill(const element& root, Message& object, const DecodeOptions& options) {
  JsonDecoder decoder(options);
  RETURN_IF_ERROR(decoder.Value(root, object, PlanOf(*object.GetDescriptor()), nullptr));
  decoder.Report();
  return decoder.Strict();
}

}  // namespace

absl::Status DecodeJson(std::string_view json, Message& object, const DecodeOptions& options) {
  const ParserLease lease;
  ASSIGN_OR_RETURN(const element root, Parse(json));
  return Fill(root, object, options);
}

absl::StatusOr<std::unique_ptr<Message>> DecodeJsonObject(std::string_view json,
                                                          const DecodeOptions& options) {
  const ParserLease lease;
  ASSIGN_OR_RETURN(const element root, Parse(json));
  if (!root.is_object()) return base::InvalidArgument("want an object, got ", TypeName(root));
  std::string_view api_version, kind;
  if (root["kind"].get(kind) != simdjson::SUCCESS || kind.empty()) {
    return base::InvalidArgument("Object 'Kind' is missing");
  }
  if (root["apiVersion"].get(api_version) != simdjson::SUCCESS || api_version.empty()) {
    return base::InvalidArgument("Object 'apiVersion' is missing");
  }
  auto object = NewObject(GroupVersionKind::From(api_version, kind));
  if (object == nullptr) {
    return base::InvalidArgument("no kind \"", kind, "\" is registered for version \"", api_version,
                                 "\"");
  }
  RETURN_IF_ERROR(Fill(root, *object, options));
  return object;
}

absl::Status DecodeYaml(std::string_view yaml, Message& object, const DecodeOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<std::string> documents, YamlToJson(yaml));
  if (documents.size() != 1) {
    return base::InvalidArgument("want one YAML document, got ", documents.size());
  }
  return DecodeJson(documents.front(), object, options);
}

absl::StatusOr<std::unique_ptr<Message>> DecodeYamlObject(std::string_view yaml,
                                                          const DecodeOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<std::string> documents, YamlToJson(yaml));
  if (documents.size() != 1) {
    return base::InvalidArgument("want one YAML document, got ", documents.size());
  }
  return DecodeJsonObject(documents.front(), options);
}

}  // namespace berth::api
