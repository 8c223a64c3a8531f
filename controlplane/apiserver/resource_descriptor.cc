// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/resource_descriptor.h"

#include <google/protobuf/message.h>

#include "base/strings.h"

namespace berth::controlplane {

std::string ResourceDescriptor::Singular() const {
  return singular.empty() ? base::ToLower(kind) : std::string(singular);
}

const ResourceDescriptor& ResourceDescriptor::Storage() const {
  return view == nullptr ? *this : *FindResource(view->group, view->version, plural);
}

api::GroupVersionKind ResourceDescriptor::Gvk() const {
  return {std::string(group), std::string(version), std::string(kind)};
}

api::GroupVersionKind ResourceDescriptor::ListGvk() const {
  return {std::string(group), std::string(version), base::StrCat(kind, "List")};
}

std::string ResourceDescriptor::Key(std::string_view namespace_, std::string_view name) const {
  std::string key = base::StrCat("/registry/", storage.empty() ? plural : storage, "/");
  if (namespaced && !namespace_.empty()) base::StrAppend(key, namespace_, "/");
  key += name;
  return key;
}

std::unique_ptr<api::Message> ResourceDescriptor::NewObject() const {
  return api::NewObject(Gvk());
}

const ResourceDescriptor* FindResource(std::string_view group, std::string_view version,
                                       std::string_view plural) {
  for (const ResourceDescriptor& resource : AllResources()) {
    if (resource.plural == plural && resource.group == group && resource.version == version) {
      return &resource;
    }
  }
  return nullptr;
}

}  // namespace berth::controlplane
