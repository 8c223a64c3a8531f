// SPDX-License-Identifier: Apache-2.0
// $(VAR) references, as in env values, commands and subPathExpr: "$$" is a literal dollar sign, and
// a reference to something unknown, or one without an end, stays as it is. Thread-safe: no state.
#ifndef BERTH_AGENT_ENV_EXPANSION_H_
#define BERTH_AGENT_ENV_EXPANSION_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace berth::agent {

using VariableLookup = std::function<std::optional<std::string_view>(std::string_view name)>;

std::string Expand(std::string_view text, const VariableLookup& lookup);

}  // namespace berth::agent

#endif  // BERTH_AGENT_ENV_EXPANSION_H_
