// SPDX-License-Identifier: Apache-2.0
// The label and field selectors of a list or watch.
#ifndef BERTH_CONTROLPLANE_APISERVER_SELECTION_H_
#define BERTH_CONTROLPLANE_APISERVER_SELECTION_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "api/object.h"
#include "api/selector.h"
#include "controlplane/apiserver/resource_descriptor.h"

namespace berth::controlplane {

class Selection {
 public:
  Selection() = default;  // everything
  // Errors are what the API answers: 400 with the parser's complaint.
  static absl::StatusOr<Selection> Parse(const ResourceDescriptor& resource,
                                         std::string_view label_selector,
                                         std::string_view field_selector);
  bool Matches(const api::Message& object) const {
    return labels_.Matches(object) && fields_.Matches(object);
  }
  bool everything() const { return labels_.MatchesEverything() && fields_.MatchesEverything(); }

 private:
  api::LabelSelector labels_;
  api::FieldSelector fields_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_SELECTION_H_
