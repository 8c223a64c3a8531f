// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/openapi_schema.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <map>
#include <set>

#include "api/proto/go_facts.pb.h"
#include "base/strings.h"
#include "controlplane/apiserver/json_text.h"

namespace berth::controlplane {
namespace {

using base::StrCat;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// "berth.api.core.v1.Pod" -> "io.k8s.api.core.v1.Pod"
std::string NameOf(const Descriptor& type) {
  std::string_view name = type.full_name();
  name.remove_prefix(std::string_view("berth.api.").size());
  if (name.starts_with("meta.v1.")) return StrCat("io.k8s.apimachinery.pkg.apis.", name);
  return StrCat("io.k8s.api.", name);
}

api::Shape ShapeOf(const Descriptor& type) {
  return type.options().GetExtension(api::message).shape();
}

std::string GvkJson(const ResourceDescriptor& resource) {
  return StrCat("{\"group\":\"", resource.group, "\",\"version\":\"", resource.version,
                "\",\"kind\":\"", resource.kind, "\"}");
}

class SchemaWriter {
 public:
  explicit SchemaWriter(std::string_view prefix) : prefix_(prefix) {}

  void Add(const Descriptor& type, const std::string& gvk) {
    const std::string name = NameOf(type);
    if (!done_.insert(name).second) return;
    std::string body = "{\"type\":\"object\",\"properties\":{";
    bool first = true;
    if (type.options().GetExtension(api::message).kind()) {
      body += "\"apiVersion\":{\"type\":\"string\"},\"kind\":{\"type\":\"string\"}";
      first = false;
    }
    AddProperties(type, body, first);
    body += "}";
    if (!gvk.empty()) {
      base::StrAppend(body, ",\"x-kubernetes-group-version-kind\":[", gvk, "]");
    }
    out_[name] = body + "}";
  }

  std::string Text() const {
    std::string text = "{";
    for (const auto& [name, body] : out_) {
      base::StrAppend(text, text.size() > 1 ? "," : "", JsonQuote(name), ":", body);
    }
    return text += "}";
  }

 private:
  void AddProperties(const Descriptor& type, std::string& body, bool& first) {
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      const auto& facts = field.options().GetExtension(api::go);
      if (facts.inline_()) {
        AddProperties(*field.message_type(), body, first);
        continue;
      }
      base::StrAppend(body, first ? "" : ",", JsonQuote(field.json_name()), ":",
                      FieldSchema(field, facts));
      first = false;
    }
  }

  std::string FieldSchema(const FieldDescriptor& field, const api::GoField& facts) {
    std::string extra;
    if (!facts.merge_key().empty()) {
      base::StrAppend(extra, ",\"x-kubernetes-patch-merge-key\":", JsonQuote(facts.merge_key()));
    }
    if (facts.patch_size() > 0) {
      base::StrAppend(
          extra, ",\"x-kubernetes-patch-strategy\":", JsonQuote(base::Join(facts.patch(), ",")));
    }
    if (!facts.list_type().empty()) {
      base::StrAppend(extra, ",\"x-kubernetes-list-type\":", JsonQuote(facts.list_type()));
    }
    if (facts.list_key_size() > 0) {
      base::StrAppend(extra, ",\"x-kubernetes-list-map-keys\":", JsonStrings(facts.list_key()));
    }
    if (field.is_map()) {
      return StrCat("{\"type\":\"object\",\"additionalProperties\":",
                    Single(*field.message_type()->FindFieldByNumber(2)), extra, "}");
    }
    if (field.is_repeated()) {
      return StrCat("{\"type\":\"array\",\"items\":", Single(field), extra, "}");
    }
    std::string single = Single(field);
    if (!extra.empty()) single.insert(single.size() - 1, extra);
    return single;
  }

  std::string Single(const FieldDescriptor& field) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return OfMessage(*field.message_type());
      case FieldDescriptor::CPPTYPE_BOOL:
        return "{\"type\":\"boolean\"}";
      case FieldDescriptor::CPPTYPE_INT32:
        return "{\"type\":\"integer\",\"format\":\"int32\"}";
      case FieldDescriptor::CPPTYPE_INT64:
        return "{\"type\":\"integer\",\"format\":\"int64\"}";
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return "{\"type\":\"number\"}";
      default:
        return field.type() == FieldDescriptor::TYPE_BYTES
                   ? "{\"type\":\"string\",\"format\":\"byte\"}"
                   : "{\"type\":\"string\"}";
    }
  }

  std::string OfMessage(const Descriptor& type) {
    switch (ShapeOf(type)) {
      case api::QUANTITY:
      case api::DURATION:
        return "{\"type\":\"string\"}";
      case api::INT_OR_STRING:
        return "{\"type\":\"string\",\"format\":\"int-or-string\"}";
      case api::TIME:
      case api::MICRO_TIME:
        return "{\"type\":\"string\",\"format\":\"date-time\"}";
      case api::RAW_EXTENSION:
      case api::FIELDS_V1:
        return "{\"type\":\"object\"}";
      case api::STRING_LIST:
        return "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}";
      default:
        break;
    }
    Add(type, "");
    const std::string reference = StrCat("{\"$ref\":\"", prefix_, NameOf(type), "\"}");
    // Version 3 allows no member beside a reference, so that one goes into a list.
    return prefix_ == kDefinitionsPrefix ? reference : StrCat("{\"allOf\":[", reference, "]}");
  }

  const std::string_view prefix_;
  std::set<std::string> done_;
  std::map<std::string, std::string> out_;
};

}  // namespace

std::string SchemaName(const ResourceDescriptor& resource) {
  const auto object = resource.NewObject();
  return object == nullptr ? std::string(resource.kind) : NameOf(*object->GetDescriptor());
}

std::string SchemasJson(const std::vector<const ResourceDescriptor*>& resources,
                        std::string_view prefix) {
  SchemaWriter writer(prefix);
  for (const ResourceDescriptor* resource : resources) {
    if (const auto object = resource->NewObject(); object != nullptr) {
      writer.Add(*object->GetDescriptor(), GvkJson(*resource));
    }
  }
  return writer.Text();
}

}  // namespace berth::controlplane
