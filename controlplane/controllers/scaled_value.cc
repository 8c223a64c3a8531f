// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/scaled_value.h"

#include <algorithm>

#include "api/proto/special.pb.h"
#include "base/strings.h"

namespace berth::controlplane {

int ScaledValue(const api::IntOrString& value, int total, Rounding rounding) {
  if (value.type() == 0) return std::max(0, value.int_val());
  std::string_view text = value.str_val();
  if (!text.ends_with('%')) return 0;
  text.remove_suffix(1);
  const int64_t percent = std::max(0, base::ParseInt<int>(text).value_or(0));
  const int64_t parts = percent * total;
  return static_cast<int>(rounding == Rounding::kUp ? (parts + 99) / 100 : parts / 100);
}

}  // namespace berth::controlplane
