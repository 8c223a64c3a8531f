// SPDX-License-Identifier: Apache-2.0
// JSON's scalars as Go prints and reads them: escaped strings, base64, times, durations.
#ifndef BERTH_API_JSON_TEXT_H_
#define BERTH_API_JSON_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/quote.h"

namespace berth::api {

using base::AppendJsonString;
// Valid JSON without white space between its tokens, with the escapes of AppendJsonString.
void AppendRawJson(std::string& out, std::string_view json);
void AppendJsonBase64(std::string& out, std::string_view bytes);
std::optional<std::string> DecodeBase64(std::string_view text);

struct UnixTime {
  int64_t seconds = 0;
  int32_t nanos = 0;
};
// RFC 3339 in UTC with `decimals` digits of a second, without quotes.
void AppendTime(std::string& out, UnixTime time, int decimals);
std::optional<UnixTime> ParseTime(std::string_view text);

// Go's time.Duration: "1h2m3.5s", "0s".
void AppendGoDuration(std::string& out, int64_t nanoseconds);
std::optional<int64_t> ParseGoDuration(std::string_view text);

// Compact JSON text with Go's two-space indentation.
std::string IndentJson(std::string_view compact);

}  // namespace berth::api

#endif  // BERTH_API_JSON_TEXT_H_
