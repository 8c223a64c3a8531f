// SPDX-License-Identifier: Apache-2.0
#include "agent/env/amount.h"

#include "api/quantity.h"

namespace berth::agent {

std::optional<int64_t> UnitsOf(std::string_view quantity) {
  const auto amount = api::ParseQuantity(quantity);
  if (!amount.ok()) return std::nullopt;
  return amount->Value();
}

std::optional<int64_t> MilliOf(std::string_view quantity) {
  const auto amount = api::ParseQuantity(quantity);
  if (!amount.ok()) return std::nullopt;
  return amount->MilliValue();
}

std::string MilliText(int64_t milli) { return api::Amount::OfMilli(milli).ToString(); }

std::string BinaryText(int64_t bytes) {
  return api::Amount::Of(bytes, api::Amount::Format::kBinarySi).ToString();
}

}  // namespace berth::agent
