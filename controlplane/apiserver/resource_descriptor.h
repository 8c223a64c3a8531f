// SPDX-License-Identifier: Apache-2.0
// A resource is data: names, scope, what it offers. One generic registry serves all of them.
#ifndef BERTH_CONTROLPLANE_APISERVER_RESOURCE_DESCRIPTOR_H_
#define BERTH_CONTROLPLANE_APISERVER_RESOURCE_DESCRIPTOR_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "controlplane/apiserver/api_error.h"

namespace berth::controlplane {

struct Subresource {
  std::string_view name;                // "status", "scale"
  std::vector<std::string_view> verbs;  // of discovery
  std::string_view group;               // of its kind; "" with an empty kind: as the resource
  std::string_view version;
  std::string_view kind;
};

// How a resource that is stored under another group or version is seen under this one.
struct View {
  std::string_view group;  // of the stored resource, whose plural is the same
  std::string_view version;
  std::unique_ptr<api::Message> (*from_stored)(const api::Message& stored);
  // What the view cannot say stays in `stored`.
  void (*to_stored)(const api::Message& view, api::Message& stored);
  // A field selector of the view in names of the stored resource; nullptr where they are the same.
  std::string (*fields)(std::string_view selector);
};

struct ResourceDescriptor {
  std::string_view group;
  std::string_view version;
  std::string_view plural;
  std::string_view kind;
  bool namespaced = true;
  std::vector<std::string_view> short_names;
  std::vector<std::string_view> categories;
  bool has_status = false;      // status changes only through /status, all else only without it
  bool creates_status = false;  // a new object may bring its status along
  bool has_generation = false;  // metadata.generation counts changes of the spec
  bool create_on_update = false;
  bool stored = true;  // false: POST is answered by a function, nothing is kept
  std::vector<std::string_view> selectable;  // fields beside metadata.name and .namespace
  std::vector<Subresource> subresources;     // beside "status"
  std::string_view storage;                  // under /registry/ when it is not the plural
  std::string_view singular;                 // when it is not the kind in lower case
  const View* view = nullptr;                // stored elsewhere, seen so

  std::string Singular() const;
  // Where its objects lie: itself, or what it is a view of.
  const ResourceDescriptor& Storage() const;
  api::GroupVersionKind Gvk() const;
  api::GroupVersionKind ListGvk() const;
  // "/registry/pods/ns/name"; parts that are "" are left out and end in "/".
  std::string Key(std::string_view namespace_, std::string_view name) const;
  ErrorSubject Subject(std::string_view name) const { return {group, plural, kind, name}; }
  std::unique_ptr<api::Message> NewObject() const;
};

// Every resource, in the order of discovery. The descriptors live as long as the program.
std::span<const ResourceDescriptor> AllResources();
// nullptr when there is none.
const ResourceDescriptor* FindResource(std::string_view group, std::string_view version,
                                       std::string_view plural);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_RESOURCE_DESCRIPTOR_H_
