// SPDX-License-Identifier: Apache-2.0
#include "agent/env/amount.h"

#include <iterator>
#include <limits>

#include "base/strings.h"

namespace berth::agent {
namespace {

// A number is digits * 2^binary * 10^decimal.
struct Scale {
  int binary = 0;
  int decimal = 0;
};

std::optional<Scale> ScaleOf(std::string_view suffix) {
  static constexpr std::pair<std::string_view, Scale> kSuffixes[] = {
      {"", {0, 0}},    {"n", {0, -9}},  {"u", {0, -6}},  {"m", {0, -3}},
      {"k", {0, 3}},   {"M", {0, 6}},   {"G", {0, 9}},   {"T", {0, 12}},
      {"P", {0, 15}},  {"E", {0, 18}},  {"Ki", {10, 0}}, {"Mi", {20, 0}},
      {"Gi", {30, 0}}, {"Ti", {40, 0}}, {"Pi", {50, 0}}, {"Ei", {60, 0}}};
  for (const auto& [name, scale] : kSuffixes) {
    if (name == suffix) return scale;
  }
  if (suffix.size() < 2 || (suffix[0] != 'e' && suffix[0] != 'E')) return std::nullopt;
  std::string_view digits = suffix.substr(1);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  const auto exponent = base::ParseInt<int>(digits);
  if (!exponent || *exponent > 18 || *exponent < -18) return std::nullopt;
  return Scale{0, *exponent};
}

std::optional<int64_t> Scaled(std::string_view text, int more_decimal) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  __int128 digits = 0;
  int fraction = 0;
  size_t count = 0;
  bool point = false;
  size_t i = 0;
  for (; i < text.size(); ++i) {
    if (text[i] == '.' && !point) {
      point = true;
      continue;
    }
    if (text[i] < '0' || text[i] > '9') break;
    if (++count > 18) return std::nullopt;
    digits = digits * 10 + (text[i] - '0');
    if (point) ++fraction;
  }
  const auto scale = ScaleOf(text.substr(i));
  if (count == 0 || !scale) return std::nullopt;

  constexpr __int128 kMax = std::numeric_limits<int64_t>::max();
  __int128 divisor = 1;
  int decimal = scale->decimal - fraction + more_decimal;
  for (; decimal < 0; ++decimal) divisor *= 10;  // at most 18 + 18 places
  __int128 value = digits << scale->binary;      // at most 60 + 60 bits
  for (; decimal > 0; --decimal) {
    value *= 10;
    if (value > kMax * divisor) return std::nullopt;
  }
  // Upstream rounds away from zero.
  value = (value + divisor - 1) / divisor;
  if (value > kMax) return std::nullopt;
  return static_cast<int64_t>(negative ? -value : value);
}

}  // namespace

std::optional<int64_t> UnitsOf(std::string_view quantity) { return Scaled(quantity, 0); }
std::optional<int64_t> MilliOf(std::string_view quantity) { return Scaled(quantity, 3); }

std::string MilliText(int64_t milli) {
  return milli % 1000 == 0 ? base::StrCat(milli / 1000) : base::StrCat(milli, "m");
}

std::string BinaryText(int64_t bytes) {
  static constexpr std::string_view kSuffixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi"};
  size_t suffix = 0;
  while (bytes != 0 && bytes % 1024 == 0 && suffix + 1 < std::size(kSuffixes)) {
    bytes /= 1024;
    ++suffix;
  }
  return base::StrCat(bytes, kSuffixes[suffix]);
}

}  // namespace berth::agent
