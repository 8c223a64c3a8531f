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

  std::string Singular() const;
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
