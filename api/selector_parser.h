// SPDX-License-Identifier: Apache-2.0
// The grammar of label selectors, for selector.cc only.
#ifndef BERTH_API_SELECTOR_PARSER_H_
#define BERTH_API_SELECTOR_PARSER_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "api/selector.h"

namespace berth::api::internal {

// In the order of the text. Values are sorted and unique.
absl::StatusOr<std::vector<LabelRequirement>> ParseLabelSelector(std::string_view text);
// Key, number of values and syntax of values.
absl::Status CheckRequirement(const LabelRequirement& requirement);

}  // namespace berth::api::internal

#endif  // BERTH_API_SELECTOR_PARSER_H_
