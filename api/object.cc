// SPDX-License-Identifier: Apache-2.0
#include "api/object.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "api/proto/go_facts.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "api/scheme.h"
#include "base/strings.h"

namespace berth::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

const FieldDescriptor* MetadataField(const Descriptor& type, const Descriptor& want) {
  const FieldDescriptor* field = type.FindFieldByName("metadata");
  return field != nullptr && field->message_type() == &want ? field : nullptr;
}

template <class Meta>
const Meta* Find(const Message& object) {
  const auto* field = MetadataField(*object.GetDescriptor(), *Meta::descriptor());
  if (field == nullptr) return nullptr;
  return static_cast<const Meta*>(&object.GetReflection()->GetMessage(object, field));
}

template <class Meta>
Meta* FindMutable(Message& object) {
  const auto* field = MetadataField(*object.GetDescriptor(), *Meta::descriptor());
  if (field == nullptr) return nullptr;
  return static_cast<Meta*>(object.GetReflection()->MutableMessage(&object, field));
}

}  // namespace

std::string GroupVersionKind::ApiVersion() const {
  return group.empty() ? version : base::StrCat(group, "/", version);
}

GroupVersionKind GroupVersionKind::From(std::string_view api_version, std::string_view kind) {
  const auto [first, second] = base::SplitOnce(api_version, '/');
  if (!second) return {"", std::string(first), std::string(kind)};
  return {std::string(first), std::string(*second), std::string(kind)};
}

GroupVersionKind KindOf(const Descriptor& type) {
  if (!type.options().GetExtension(message).kind()) return {};
  const GroupVersion& where = type.file()->options().GetExtension(file);
  return {where.group(), where.version(), type.name()};
}

GroupVersionKind KindOf(const Message& object) { return KindOf(*object.GetDescriptor()); }

std::unique_ptr<Message> NewObject(const GroupVersionKind& kind) {
  const Descriptor* type = FindKind(kind);
  if (type == nullptr) return nullptr;
  const auto* prototype = google::protobuf::MessageFactory::generated_factory()->GetPrototype(type);
  return std::unique_ptr<Message>(prototype->New());
}

const meta::v1::ObjectMeta* MetaOf(const Message& object) {
  return Find<meta::v1::ObjectMeta>(object);
}
meta::v1::ObjectMeta* MutableMetaOf(Message& object) {
  return FindMutable<meta::v1::ObjectMeta>(object);
}
const meta::v1::ListMeta* ListMetaOf(const Message& list) { return Find<meta::v1::ListMeta>(list); }
meta::v1::ListMeta* MutableListMetaOf(Message& list) {
  return FindMutable<meta::v1::ListMeta>(list);
}

std::string KeyOf(const Message& object) {
  const auto* meta = MetaOf(object);
  return meta == nullptr ? std::string() : KeyOf(meta->namespace_(), meta->name());
}

std::string KeyOf(std::string_view namespace_, std::string_view name) {
  return namespace_.empty() ? std::string(name) : base::StrCat(namespace_, "/", name);
}

std::pair<std::string_view, std::string_view> SplitKey(std::string_view key) {
  const auto [first, second] = base::SplitOnce(key, '/');
  if (!second) return {"", first};
  return {first, *second};
}

}  // namespace berth::api
