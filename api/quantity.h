// SPDX-License-Identifier: Apache-2.0
// Amounts of resources ("100m", "1.5Gi", "1e3") with the arithmetic of Kubernetes'
// resource.Quantity. The message `Quantity` is the text as it travels; `Amount` is the number
// behind it. An Amount remembers in which family of suffixes it was written, so that its text stays
// in that family.
//
// Amounts are exact down to 10^-9 and hold 38 decimal digits; what is finer is rounded away from
// zero, what is larger saturates. Values with binary suffixes are capped at 2^63-1, as upstream
// does.
#ifndef BERTH_API_QUANTITY_H_
#define BERTH_API_QUANTITY_H_

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace berth::api {

class Quantity;  // the message of special.proto

class Amount {
 public:
  enum class Format : uint8_t { kDecimalSi, kBinarySi, kDecimalExponent };

  constexpr Amount() = default;  // zero
  static Amount Of(int64_t value, Format format = Format::kDecimalSi);
  static Amount OfMilli(int64_t thousandths, Format format = Format::kDecimalSi);
  // `units` * 10^`scale`.
  static Amount OfScaled(__int128 units, int32_t scale, Format format);

  Format format() const { return format_; }
  bool IsZero() const { return units_ == 0; }
  // -1, 0 or 1.
  int Sign() const { return (units_ > 0) - (units_ < 0); }

  // The integer at or beyond the value (away from zero); saturates at int64's ends.
  int64_t Value() const { return ScaledValue(0); }
  int64_t MilliValue() const { return ScaledValue(-3); }
  // In units of 10^`scale`.
  int64_t ScaledValue(int32_t scale) const;
  double ToDouble() const;

  // The canonical text: no fraction, the largest suffix that allows it.
  std::string ToString() const;

  // Sums of zero and something take the format of that something.
  Amount& operator+=(const Amount& other);
  Amount& operator-=(const Amount& other);
  Amount operator-() const;
  friend Amount operator+(Amount a, const Amount& b) { return a += b; }
  friend Amount operator-(Amount a, const Amount& b) { return a -= b; }
  // By value: 1Gi equals 1073741824.
  friend std::weak_ordering operator<=>(const Amount& a, const Amount& b);
  friend bool operator==(const Amount& a, const Amount& b) { return (a <=> b) == 0; }

 private:
  void Normalize();

  __int128 units_ = 0;  // without trailing decimal zeros
  int32_t scale_ = 0;   // the value is units_ * 10^scale_; 0 when units_ is 0
  Format format_ = Format::kDecimalSi;
};

// InvalidArgument with upstream's text when `text` is no quantity.
absl::StatusOr<Amount> ParseQuantity(std::string_view text);
// The text that upstream would give back for `text`.
absl::StatusOr<std::string> CanonicalQuantity(std::string_view text);

// The number in a message; zero when it is absent or is no quantity (validation refuses those).
Amount AmountOf(const Quantity& quantity);
void SetQuantity(const Amount& amount, Quantity& quantity);

}  // namespace berth::api

#endif  // BERTH_API_QUANTITY_H_
