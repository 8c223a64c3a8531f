// SPDX-License-Identifier: Apache-2.0
// Quantities ("500m", "64Mi") as whole numbers. Thread-safe: no state.
#ifndef BERTH_AGENT_ENV_AMOUNT_H_
#define BERTH_AGENT_ENV_AMOUNT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace berth::agent {

// Units, rounded up; nothing when `quantity` is malformed. What does not fit saturates.
std::optional<int64_t> UnitsOf(std::string_view quantity);
// Thousandths, rounded up.
std::optional<int64_t> MilliOf(std::string_view quantity);

std::string MilliText(int64_t milli);   // "2", "1500m"
std::string BinaryText(int64_t bytes);  // "1Mi", "1000"

}  // namespace berth::agent

#endif  // BERTH_AGENT_ENV_AMOUNT_H_
