// SPDX-License-Identifier: Apache-2.0
// The text of quantities. What upstream's parser lets pass ("1.G", ".5", "+") passes here too.
#include <limits>
#include <optional>

#include "api/quantity.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::api {
namespace {

using Int = __int128;

absl::Status BadFormat() {
  return base::InvalidArgument(
      "quantities must match the regular expression "
      "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// `magnitude` * 10^`scale`, and whether digits were cut off below it.
struct Number {
  Int magnitude = 0;
  int32_t scale = 0;
  bool cut = false;

  void AddDigit(int digit, bool fraction) {
    Int next = 0;
    if (cut || __builtin_mul_overflow(magnitude, static_cast<Int>(10), &next) ||
        __builtin_add_overflow(next, static_cast<Int>(digit), &next)) {
      cut = true;  // beyond 38 digits: only the size matters
      if (!fraction) ++scale;
      return;
    }
    magnitude = next;
    if (fraction) --scale;
  }

  void Double() {
    Int next = 0;
    while (__builtin_mul_overflow(magnitude, static_cast<Int>(2), &next)) {
      magnitude /= 10;
      ++scale;
      cut = true;
    }
    magnitude = next;
  }
};

struct Suffix {
  int32_t exponent = 0;
  Amount::Format format = Amount::Format::kDecimalSi;
};

std::optional<Suffix> ReadSuffix(std::string_view text) {
  if (text.empty()) return Suffix{};
  constexpr std::string_view kPrefixes = "numkMGTPE";
  constexpr int kDecimal[] = {-9, -6, -3, 3, 6, 9, 12, 15, 18};
  if (text.size() == 1) {
    const size_t at = kPrefixes.find(text[0]);
    if (at == std::string_view::npos) return std::nullopt;
    return Suffix{kDecimal[at], Amount::Format::kDecimalSi};
  }
  constexpr std::string_view kBinary = "KMGTPE";
  if (text.size() == 2 && text[1] == 'i') {
    const size_t at = kBinary.find(text[0]);
    if (at == std::string_view::npos) return std::nullopt;
    return Suffix{static_cast<int32_t>(10 * (at + 1)), Amount::Format::kBinarySi};
  }
  if (text[0] != 'e' && text[0] != 'E') return std::nullopt;
  text.remove_prefix(text[1] == '+' ? 2 : 1);
  const std::optional<int32_t> exponent = base::ParseInt<int32_t>(text);
  // Far beyond any use; keeps sums of exponents inside int32.
  if (!exponent || *exponent > 1'000'000 || *exponent < -1'000'000) return std::nullopt;
  return Suffix{*exponent, Amount::Format::kDecimalExponent};
}

size_t EndOfSuffix(std::string_view text) {
  constexpr std::string_view kLetters = "eEinumkKMGTP";
  size_t at = 0;
  while (at < text.size() && kLetters.find(text[at]) != std::string_view::npos) ++at;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  while (at < text.size() && IsDigit(text[at])) ++at;
  return at;
}

Amount Finish(Number number, const Suffix& suffix, bool negative) {
  Amount::Format format = suffix.format;
  if (format == Amount::Format::kBinarySi) {
    for (int i = 0; i < suffix.exponent; ++i) number.Double();
  } else {
    number.scale += suffix.exponent;
  }
  if (number.cut && number.magnitude < std::numeric_limits<Int>::max()) ++number.magnitude;
  Amount amount = Amount::OfScaled(number.magnitude, number.scale, format);
  if (format == Amount::Format::kBinarySi) {
    const Amount cap = Amount::Of(std::numeric_limits<int64_t>::max(), format);
    if (amount > cap) amount = cap;
    if (amount < Amount::Of(1) && amount.Sign() > 0) {
      amount = Amount::OfScaled(number.magnitude, number.scale, Amount::Format::kDecimalSi);
    }
  }
  return negative ? -amount : amount;
}

}  // namespace

absl::StatusOr<Amount> ParseQuantity(std::string_view text) {
  if (text.empty()) return BadFormat();
  const bool negative = text[0] == '-';
  size_t at = negative || text[0] == '+' ? 1 : 0;
  Number number;
  bool fraction = false;
  for (; at < text.size(); ++at) {
    if (text[at] == '.' && !fraction) {
      fraction = true;
    } else if (IsDigit(text[at])) {
      number.AddDigit(text[at] - '0', fraction);
    } else {
      break;
    }
  }
  const std::string_view rest = text.substr(at);
  if (EndOfSuffix(rest) != rest.size()) return BadFormat();
  const std::optional<Suffix> suffix = ReadSuffix(rest);
  if (!suffix) return base::InvalidArgument("unable to parse quantity's suffix");
  return Finish(number, *suffix, negative);
}

absl::StatusOr<std::string> CanonicalQuantity(std::string_view text) {
  ASSIGN_OR_RETURN(const Amount amount, ParseQuantity(text));
  return amount.ToString();
}

}  // namespace berth::api
