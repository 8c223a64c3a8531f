// SPDX-License-Identifier: Apache-2.0
// What a plain YAML 1.1 scalar means, as Go's YAML reader takes it.
#ifndef BERTH_API_YAML_SCALAR_H_
#define BERTH_API_YAML_SCALAR_H_

#include <string>
#include <string_view>

namespace berth::api {

// The JSON text of a scalar: null, true, 12, 1.5 or a quoted string. "0644" is octal.
std::string PlainScalarToJson(std::string_view text);

}  // namespace berth::api

#endif  // BERTH_API_YAML_SCALAR_H_
