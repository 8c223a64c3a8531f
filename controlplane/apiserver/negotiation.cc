// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/negotiation.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "api/codec.h"
#include "api/proto/meta/v1/api_machinery.pb.h"
#include "api/proto/special.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/views.h"
#include "controlplane/tables/table.h"

namespace berth::controlplane {
namespace {

using api::meta::v1::ListMeta;
using api::meta::v1::PartialObjectMetadata;
using base::StrCat;

constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kProtoType = "application/vnd.kubernetes.protobuf";

// One element of an Accept header, or nothing when it cannot be served.
bool Accepts(std::string_view element, Negotiated& out) {
  Negotiated form;
  std::string_view group;
  std::string_view version;
  std::string_view as;
  bool first = true;
  for (std::string_view part : base::Split(element, ';')) {
    part = base::Trim(part);
    if (first) {
      first = false;
      if (part == kProtoType) {
        form.format = Negotiated::Format::kProto;
      } else if (part != kJsonType && part != "*/*" && part != "application/*") {
        return false;
      }
      continue;
    }
    const auto [key, value] = base::SplitOnce(part, '=');
    if (key == "as") as = value.value_or("");
    if (key == "g") group = value.value_or("");
    if (key == "v") version = value.value_or("");
  }
  if (as == "Table") {
    form.shape = Negotiated::Shape::kTable;
    if (form.format != Negotiated::Format::kJson) return false;
  } else if (as == "PartialObjectMetadata" || as == "PartialObjectMetadataList") {
    form.shape = Negotiated::Shape::kMetadata;
  } else if (!as.empty()) {
    return false;
  }
  if (!as.empty() && (group != "meta.k8s.io" || version != "v1")) return false;
  out = form;
  return true;
}

// The types of meta.k8s.io live with those of the core group in our schema.
std::string MetaJson(const api::Message& message) {
  std::string json = api::EncodeJson(message);
  constexpr std::string_view kCore = "\"apiVersion\":\"v1\"";
  if (const size_t at = json.find(kCore); at != std::string::npos && at < 100) {
    json.replace(at, kCore.size(), "\"apiVersion\":\"meta.k8s.io/v1\"");
  }
  return json;
}

std::string MetaProto(const api::Message& message) {
  api::Unknown envelope;
  envelope.mutable_type_meta()->set_api_version("meta.k8s.io/v1");
  envelope.mutable_type_meta()->set_kind(api::KindOf(message).kind);
  envelope.set_raw(api::EncodeProtoBody(message));
  envelope.set_content_encoding("");
  envelope.set_content_type("");
  return StrCat(std::string_view("k8s\0", 4), envelope.SerializeAsString());
}

std::string MetaText(const api::Message& message, const Negotiated& form) {
  return form.format == Negotiated::Format::kJson ? MetaJson(message) : MetaProto(message);
}

PartialObjectMetadata MetadataOf(const api::Message& object) {
  PartialObjectMetadata out;
  if (const auto* meta = api::MetaOf(object)) *out.mutable_metadata() = *meta;
  return out;
}

void AddColumns(const TablePrinter& printer, api::meta::v1::Table& table) {
  for (const TableColumn& column : printer.columns) {
    auto* out = table.add_column_definitions();
    out->set_name(std::string(column.name));
    out->set_type(std::string(column.type));
    out->set_format(std::string(column.format));
    out->set_description("");
    out->set_priority(column.priority);
  }
}

void AddRow(const api::Message& object, const TablePrinter& printer, const Negotiated& form,
            absl::Time now, api::meta::v1::Table& table) {
  auto* row = table.add_rows();
  for (std::string& cell : printer.row(object, now)) row->add_cells()->set_raw(std::move(cell));
  if (form.include_object == "Metadata") {
    row->mutable_object()->set_raw(MetaJson(MetadataOf(object)));
  } else if (form.include_object == "Object") {
    row->mutable_object()->set_raw(api::EncodeJson(object));
  }
}

std::string TableOf(const api::Message& object, const ResourceDescriptor& resource,
                    const Negotiated& form, absl::Time now, bool columns) {
  api::meta::v1::Table table;
  const TablePrinter& printer = PrinterFor(resource.Storage().group, resource.kind);
  if (const auto* meta = api::MetaOf(object)) {
    table.mutable_metadata()->set_resource_version(meta->resource_version());
  }
  if (columns) AddColumns(printer, table);
  AddRow(object, printer, form, now, table);
  return MetaJson(table);
}

// A list of borrowed items, encoded without a copy of them.
std::string BorrowedList(const std::vector<CachedObject>& objects, const ListMeta& list_meta,
                         const ResourceDescriptor& resource, const Negotiated& form) {
  std::unique_ptr<api::Message> list = api::NewObject(resource.ListGvk());
  if (list == nullptr) return "";
  *api::MutableListMetaOf(*list) = list_meta;
  const auto* items = list->GetDescriptor()->FindFieldByName("items");
  const auto* reflection = list->GetReflection();
  for (const CachedObject& object : objects) {
    reflection->AddAllocatedMessage(list.get(), items,
                                    const_cast<api::Message*>(object.object.get()));
  }
  std::string out = PresentPlain(*list, form);
  for (size_t i = 0; i < objects.size(); ++i) {
    reflection->UnsafeArenaReleaseLast(list.get(), items);
  }
  return out;
}

}  // namespace

std::string_view Negotiated::ContentType() const {
  return format == Format::kProto ? kProtoType : kJsonType;
}

absl::StatusOr<Negotiated> Negotiate(const http::Request& request, const http::Target& target) {
  Negotiated form;
  std::string_view accept = request.headers.Get("Accept");
  bool found = base::Trim(accept).empty();
  for (std::string_view element : base::Split(accept, ',')) {
    if (found || Accepts(base::Trim(element), form)) {
      found = true;
      break;
    }
  }
  if (!found) {
    return NotAcceptableError(
        StrCat("only the following media types are accepted: ", kJsonType, ", ", kProtoType));
  }
  const std::string_view pretty = target.Get("pretty");
  form.pretty = pretty == "true" || pretty == "1";
  if (const auto include = target.Find("includeObject"); include.has_value() && !include->empty()) {
    form.include_object = *include;
  }
  return form;
}

std::string PresentPlain(const api::Message& message, const Negotiated& form) {
  if (form.format == Negotiated::Format::kProto) return api::EncodeProto(message);
  return api::EncodeJson(message, form.pretty ? api::JsonStyle::kPretty : api::JsonStyle::kCompact);
}

std::string PresentForWatch(const api::Message& object, const ResourceDescriptor& resource,
                            const Negotiated& form, absl::Time now, bool columns) {
  switch (form.shape) {
    case Negotiated::Shape::kTable:
      return TableOf(object, resource, form, now, columns);
    case Negotiated::Shape::kMetadata:
      return MetaText(MetadataOf(object), form);
    case Negotiated::Shape::kObject:
      break;
  }
  return PresentPlain(resource.view == nullptr ? object : *Viewed(resource, object), form);
}

std::string Present(const api::Message& object, const ResourceDescriptor& resource,
                    const Negotiated& form, absl::Time now) {
  return PresentForWatch(object, resource, form, now, /*columns=*/true);
}

std::string PresentList(const std::vector<CachedObject>& objects, const ListMeta& list_meta,
                        const ResourceDescriptor& resource, const Negotiated& form,
                        absl::Time now) {
  if (form.shape == Negotiated::Shape::kObject) {
    if (resource.view == nullptr) return BorrowedList(objects, list_meta, resource, form);
    std::vector<CachedObject> viewed;
    for (const CachedObject& object : objects) {
      viewed.push_back({Viewed(resource, *object.object), object.revision});
    }
    return BorrowedList(viewed, list_meta, resource, form);
  }
  if (form.shape == Negotiated::Shape::kMetadata) {
    api::meta::v1::PartialObjectMetadataList list;
    *list.mutable_metadata() = list_meta;
    for (const CachedObject& object : objects) *list.add_items() = MetadataOf(*object.object);
    return MetaText(list, form);
  }
  api::meta::v1::Table table;
  *table.mutable_metadata() = list_meta;
  const TablePrinter& printer = PrinterFor(resource.Storage().group, resource.kind);
  AddColumns(printer, table);
  for (const CachedObject& object : objects) AddRow(*object.object, printer, form, now, table);
  return MetaJson(table);
}

absl::Status DecodeBody(const http::Request& request, api::Message& into,
                        std::vector<std::string>* unknown) {
  std::string_view type = base::SplitOnce(request.headers.Get("Content-Type"), ';').first;
  type = base::Trim(type);
  const api::DecodeOptions options{.strict = false, .unknown = unknown};
  absl::Status status;
  if (type.empty() || type == kJsonType || type == "*/*") {
    status = api::DecodeJson(request.body, into, options);
  } else if (type == "application/yaml" || type == "application/x-yaml") {
    status = api::DecodeYaml(request.body, into, options);
  } else if (type == kProtoType) {
    status = api::DecodeProto(request.body, into);
  } else {
    return UnsupportedMediaTypeError(
        StrCat("the body of the request was in an unknown format - accepted media types include: ",
               kJsonType, ", application/yaml, ", kProtoType));
  }
  if (status.ok()) return status;
  const api::GroupVersionKind kind = api::KindOf(into);
  return BadRequestError(StrCat(kind.kind, " in version \"", kind.version,
                                "\" cannot be handled as a ", kind.kind, ": ",
                                base::Message(status)));
}

}  // namespace berth::controlplane
