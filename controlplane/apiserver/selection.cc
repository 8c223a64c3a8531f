// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/selection.h"

#include <string>
#include <vector>

#include "base/status.h"

namespace berth::controlplane {

absl::StatusOr<Selection> Selection::Parse(const ResourceDescriptor& asked,
                                           std::string_view label_selector,
                                           std::string_view field_selector) {
  const ResourceDescriptor& resource = asked.Storage();
  std::string renamed;
  if (asked.view != nullptr && asked.view->fields != nullptr) {
    renamed = asked.view->fields(field_selector);
    field_selector = renamed;
  }
  Selection out;
  auto labels = api::LabelSelector::Parse(label_selector);
  if (!labels.ok()) return BadRequestError(base::Message(labels.status()));
  out.labels_ = *std::move(labels);
  std::vector<std::string_view> allowed = resource.selectable;
  allowed.push_back("metadata.name");
  if (resource.namespaced) allowed.push_back("metadata.namespace");
  auto fields = api::FieldSelector::Parse(field_selector, allowed);
  if (!fields.ok()) return BadRequestError(base::Message(fields.status()));
  out.fields_ = *std::move(fields);
  return out;
}

}  // namespace berth::controlplane
