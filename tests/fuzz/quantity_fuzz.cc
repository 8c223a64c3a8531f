// SPDX-License-Identifier: Apache-2.0
// Quantities: a text is refused, or its canonical form is the same amount and is its own.
#include <cstdlib>
#include <string_view>

#include "api/quantity.h"
#include "tests/fuzz/fuzz_target.h"

namespace berth::fuzz {

int Quantity(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto amount = api::ParseQuantity(text);
  const auto canonical = api::CanonicalQuantity(text);
  if (amount.ok() != canonical.ok()) std::abort();
  // Beyond 38 digits only the size is kept.
  if (!amount.ok() || size > 30) return 0;
  const auto again = api::ParseQuantity(*canonical);
  if (!again.ok() || *again != *amount) std::abort();
  if (api::CanonicalQuantity(*canonical).value() != *canonical) std::abort();
  return 0;
}

}  // namespace berth::fuzz
BERTH_FUZZ_ENTRY(berth::fuzz::Quantity)
