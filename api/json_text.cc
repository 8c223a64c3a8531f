// SPDX-License-Identifier: Apache-2.0
#include "api/json_text.h"

#include <array>
#include <cmath>

#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "base/strings.h"

namespace berth::api {
namespace {

void AppendDigits(std::string& out, int64_t value, int width) {
  std::string digits = base::StrCat(value);
  out.append(width > static_cast<int>(digits.size()) ? width - digits.size() : 0, '0');
  out.append(digits);
}

}  // namespace

void AppendJsonBase64(std::string& out, std::string_view bytes) {
  out.push_back('"');
  out.append(absl::Base64Escape(base::Av(bytes)));
  out.push_back('"');
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  std::string out;
  if (text.size() % 4 != 0 || !absl::Base64Unescape(base::Av(text), &out)) return std::nullopt;
  return out;
}

void AppendTime(std::string& out, UnixTime time, int decimals) {
  const auto civil = absl::ToCivilSecond(absl::FromUnixSeconds(time.seconds), absl::UTCTimeZone());
  AppendDigits(out, civil.year(), 4);
  for (const auto& [separator, value] :
       {std::pair('-', civil.month()), std::pair('-', civil.day()), std::pair('T', civil.hour()),
        std::pair(':', civil.minute()), std::pair(':', civil.second())}) {
    out.push_back(separator);
    AppendDigits(out, value, 2);
  }
  if (decimals > 0) {
    out.push_back('.');
    int64_t fraction = time.nanos;
    for (int i = decimals; i < 9; ++i) fraction /= 10;
    AppendDigits(out, fraction, decimals);
  }
  out.push_back('Z');
}

std::optional<UnixTime> ParseTime(std::string_view text) {
  // "2006-01-02T15:04:05[.fraction](Z|+hh:mm)": absl is laxer about the shape than RFC 3339.
  if (text.size() < 20 || text.size() > 40 || text[4] != '-' || text[10] != 'T' ||
      text[13] != ':') {
    return std::nullopt;
  }
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, base::Av(text), &time, &error)) return std::nullopt;
  if (time == absl::InfiniteFuture() || time == absl::InfinitePast()) return std::nullopt;
  const int64_t seconds = absl::ToUnixSeconds(time);
  return UnixTime{seconds, static_cast<int32_t>(
                               absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds)))};
}

void AppendGoDuration(std::string& out, int64_t nanoseconds) {
  if (nanoseconds == 0) {
    out.append("0s");
    return;
  }
  uint64_t left = static_cast<uint64_t>(nanoseconds);
  if (nanoseconds < 0) {
    out.push_back('-');
    left = 0 - left;
  }
  const auto with_fraction = [&](uint64_t unit, std::string_view suffix) {
    base::StrAppend(out, left / unit);
    uint64_t fraction = left % unit;
    if (fraction != 0) {
      out.push_back('.');
      for (uint64_t place = unit / 10; fraction != 0; place /= 10) {
        out.push_back(static_cast<char>('0' + fraction / place));
        fraction %= place;
      }
    }
    out.append(suffix);
  };
  if (left < 1'000) return base::StrAppend(out, left, "ns");
  if (left < 1'000'000) return with_fraction(1'000, "\u00b5s");
  if (left < 1'000'000'000) return with_fraction(1'000'000, "ms");
  const uint64_t minutes = left / 60'000'000'000;
  if (minutes >= 60) base::StrAppend(out, minutes / 60, "h");
  if (minutes > 0) base::StrAppend(out, minutes % 60, "m");
  left %= 60'000'000'000;
  with_fraction(1'000'000'000, "s");
}

std::optional<int64_t> ParseGoDuration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  absl::Duration duration;
  if (!absl::ParseDuration(base::Av(text), &duration)) {
    std::string plain(text);  // Go also writes microseconds with the Greek letter
    if (const size_t at = plain.find("\u00b5s"); at != std::string::npos)
      plain.replace(at, 3, "us");
    if (!absl::ParseDuration(plain, &duration)) return std::nullopt;
  }
  if (duration > absl::Nanoseconds(INT64_MAX) || duration < absl::Nanoseconds(INT64_MIN)) {
    return std::nullopt;
  }
  return absl::ToInt64Nanoseconds(duration);
}

std::string IndentJson(std::string_view compact) {
  std::string out;
  out.reserve(compact.size() * 3 / 2);
  int depth = 0;
  bool in_string = false;
  const auto line = [&] {
    out.push_back('\n');
    out.append(2 * depth, ' ');
  };
  for (size_t i = 0; i < compact.size(); ++i) {
    const char c = compact[i];
    if (in_string) {
      out.push_back(c);
      if (c == '\\' && i + 1 < compact.size()) out.push_back(compact[++i]);
      if (c == '"') in_string = false;
      continue;
    }
    const char next = i + 1 < compact.size() ? compact[i + 1] : '\0';
    if (c == '"') {
      in_string = true;
      out.push_back(c);
    } else if (c == '{' || c == '[') {
      out.push_back(c);
      if (next == '}' || next == ']') {
        out.push_back(next);
        ++i;
      } else {
        ++depth;
        line();
      }
    } else if (c == '}' || c == ']') {
      --depth;
      line();
      out.push_back(c);
    } else if (c == ',') {
      out.push_back(c);
      line();
    } else if (c == ':') {
      out.append(": ");
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace berth::api
