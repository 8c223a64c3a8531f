// SPDX-License-Identifier: Apache-2.0
// Any Kubernetes object as a protobuf message: its kind, its metadata, its key.
// Objects are messages generated from api/proto; nothing here knows HTTP. Thread-safe: no state.
#ifndef BERTH_API_OBJECT_H_
#define BERTH_API_OBJECT_H_

#include <compare>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace google::protobuf {
class Message;
class Descriptor;
}  // namespace google::protobuf

namespace berth::api {

using Message = google::protobuf::Message;

namespace meta::v1 {
class ObjectMeta;
class ListMeta;
}  // namespace meta::v1

struct GroupVersionKind {
  std::string group;  // "" is core
  std::string version;
  std::string kind;

  std::string ApiVersion() const;  // "v1", "apps/v1"
  static GroupVersionKind From(std::string_view api_version, std::string_view kind);
  auto operator<=>(const GroupVersionKind&) const = default;
};

// The kind that a message type stands for; an empty kind for types that are no kinds.
GroupVersionKind KindOf(const google::protobuf::Descriptor& type);
GroupVersionKind KindOf(const Message& object);

// An empty object of that kind; nullptr when the schema has no such kind. Options and Status, which
// upstream serves in every group, are found under any group and version.
std::unique_ptr<Message> NewObject(const GroupVersionKind& kind);

// The object's metadata; nullptr when the type has none of that sort.
const meta::v1::ObjectMeta* MetaOf(const Message& object);
meta::v1::ObjectMeta* MutableMetaOf(Message& object);
const meta::v1::ListMeta* ListMetaOf(const Message& list);
meta::v1::ListMeta* MutableListMetaOf(Message& list);

// "namespace/name", or "name" when there is no namespace.
std::string KeyOf(const Message& object);
std::string KeyOf(std::string_view namespace_, std::string_view name);
// The reverse: {namespace, name}.
std::pair<std::string_view, std::string_view> SplitKey(std::string_view key);

}  // namespace berth::api

#endif  // BERTH_API_OBJECT_H_
