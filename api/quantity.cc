// SPDX-License-Identifier: Apache-2.0
#include "api/quantity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "api/proto/special.pb.h"
#include "base/strings.h"

namespace berth::api {
namespace {

using Int = __int128;

constexpr Int kMax = static_cast<Int>(~static_cast<unsigned __int128>(0) >> 1);
constexpr int32_t kNano = -9;

// Away from zero when something is cut off.
Int DivideUp(Int value, int32_t digits) {
  bool cut = false;
  const Int original = value;
  for (; digits > 0 && value != 0; --digits) {
    cut = cut || value % 10 != 0;
    value /= 10;
  }
  if (cut) value += original > 0 ? 1 : -1;
  return value;
}

// Saturates.
Int MultiplyBy10(Int value, int64_t times) {
  for (; times > 0 && value != 0; --times) {
    if (__builtin_mul_overflow(value, static_cast<Int>(10), &value)) return kMax;
  }
  return value;
}

int Digits(Int magnitude) {
  int digits = 0;
  for (; magnitude != 0; magnitude /= 10) ++digits;
  return digits;
}

std::string Decimal(Int value) {
  if (value == 0) return "0";
  std::string text;
  const bool negative = value < 0;
  for (; value != 0; value /= 10) {
    const int digit = static_cast<int>(value % 10);
    text.push_back(static_cast<char>('0' + (digit < 0 ? -digit : digit)));
  }
  if (negative) text.push_back('-');
  std::reverse(text.begin(), text.end());
  return text;
}

constexpr std::array<std::string_view, 7> kBinarySuffixes = {"",   "Ki", "Mi", "Gi",
                                                             "Ti", "Pi", "Ei"};
// For 10^-9 up to 10^18, in steps of 10^3.
constexpr std::array<std::string_view, 10> kDecimalSuffixes = {"n", "u", "m", "",  "k",
                                                               "M", "G", "T", "P", "E"};

std::string BinaryText(Int value) {
  size_t step = 0;
  while (step + 1 < kBinarySuffixes.size() && value % 1024 == 0) {
    value /= 1024;
    ++step;
  }
  return base::StrCat(Decimal(value), kBinarySuffixes[step]);
}

}  // namespace

Amount Amount::Of(int64_t value, Format format) { return OfScaled(value, 0, format); }
Amount Amount::OfMilli(int64_t thousandths, Format format) {
  return OfScaled(thousandths, -3, format);
}

Amount Amount::OfScaled(__int128 units, int32_t scale, Format format) {
  Amount amount;
  amount.units_ = units;
  amount.scale_ = scale;
  amount.format_ = format;
  amount.Normalize();
  return amount;
}

void Amount::Normalize() {
  if (scale_ < kNano) {
    units_ = DivideUp(units_, kNano - scale_);
    scale_ = kNano;
  }
  while (units_ != 0 && units_ % 10 == 0) {
    units_ /= 10;
    ++scale_;
  }
  if (units_ == 0) scale_ = 0;
}

int64_t Amount::ScaledValue(int32_t scale) const {
  const int64_t shift = static_cast<int64_t>(scale_) - scale;
  const Int value = shift >= 0
                        ? (units_ < 0 ? -MultiplyBy10(-units_, shift) : MultiplyBy10(units_, shift))
                        : DivideUp(units_, static_cast<int32_t>(-shift));
  constexpr Int kLow = std::numeric_limits<int64_t>::min();
  constexpr Int kHigh = std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(std::clamp(value, kLow, kHigh));
}

double Amount::ToDouble() const { return static_cast<double>(units_) * std::pow(10.0, scale_); }

std::string Amount::ToString() const {
  if (units_ == 0) return "0";
  Format format = format_;
  if (format == Format::kBinarySi) {
    const Int magnitude = MultiplyBy10(units_ < 0 ? -units_ : units_, scale_);
    // A fraction cannot be written with a binary suffix, and small numbers need none.
    if (scale_ >= 0 && magnitude >= 1024 && magnitude != kMax) {
      return BinaryText(units_ < 0 ? -magnitude : magnitude);
    }
    format = Format::kDecimalSi;
  }
  // The exponent goes down to a multiple of three.
  int32_t exponent = scale_ - ((scale_ % 3) + 3) % 3;
  if (format == Format::kDecimalSi) exponent = std::min<int32_t>(exponent, 18);
  std::string text = Decimal(units_);
  text.append(static_cast<size_t>(scale_ - exponent), '0');
  if (format == Format::kDecimalSi) {
    text.append(kDecimalSuffixes[static_cast<size_t>(exponent / 3 + 3)]);
  } else if (exponent != 0) {
    base::StrAppend(text, 'e', exponent);
  }
  return text;
}

Amount& Amount::operator+=(const Amount& other) {
  if (other.units_ == 0) {
    if (units_ == 0) format_ = other.format_;
    return *this;
  }
  if (units_ == 0) return *this = other;
  const Amount& fine = scale_ < other.scale_ ? *this : other;
  const Amount& coarse = scale_ < other.scale_ ? other : *this;
  const int64_t shift = static_cast<int64_t>(coarse.scale_) - fine.scale_;
  const Int magnitude = MultiplyBy10(coarse.units_ < 0 ? -coarse.units_ : coarse.units_, shift);
  Int sum = 0;
  int32_t scale = fine.scale_;
  if (magnitude == kMax) {  // the finer one is beyond the digits we keep
    sum = coarse.units_;
    scale = coarse.scale_;
  } else if (__builtin_add_overflow(coarse.units_ < 0 ? -magnitude : magnitude, fine.units_,
                                    &sum)) {
    sum = fine.units_ < 0 ? -kMax : kMax;
  }
  units_ = sum;
  scale_ = scale;
  Normalize();
  return *this;
}

Amount& Amount::operator-=(const Amount& other) { return *this += -other; }

Amount Amount::operator-() const {
  Amount negated = *this;
  negated.units_ = -units_;
  return negated;
}

std::weak_ordering operator<=>(const Amount& a, const Amount& b) {
  if (a.Sign() != b.Sign()) return a.Sign() <=> b.Sign();
  if (a.units_ == 0) return std::weak_ordering::equivalent;
  const bool positive = a.units_ > 0;
  Int left = positive ? a.units_ : -a.units_;
  Int right = positive ? b.units_ : -b.units_;
  const int64_t left_places = static_cast<int64_t>(Digits(left)) + a.scale_;
  const int64_t right_places = static_cast<int64_t>(Digits(right)) + b.scale_;
  std::weak_ordering order = std::weak_ordering::equivalent;
  if (left_places != right_places) {
    order = left_places <=> right_places;
  } else {  // same magnitude, so bringing both to the finer scale stays within 38 digits
    left = MultiplyBy10(left, static_cast<int64_t>(a.scale_) - b.scale_);
    right = MultiplyBy10(right, static_cast<int64_t>(b.scale_) - a.scale_);
    order = left < right ? std::weak_ordering::less
                         : (left > right ? std::weak_ordering::greater : order);
  }
  return positive ? order : 0 <=> order;
}

Amount AmountOf(const Quantity& quantity) {
  const absl::StatusOr<Amount> amount = ParseQuantity(quantity.string());
  return amount.ok() ? *amount : Amount();
}

void SetQuantity(const Amount& amount, Quantity& quantity) {
  quantity.set_string(amount.ToString());
}

}  // namespace berth::api
