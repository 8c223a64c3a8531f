// SPDX-License-Identifier: Apache-2.0
// The bridge between std::string_view (ours) and absl::string_view, which is a type of its own on
// Debian 12. Our signatures use std::string_view; this is the only place that names both.
#ifndef BERTH_BASE_STRINGS_H_
#define BERTH_BASE_STRINGS_H_

#include <charconv>
#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"

namespace berth::base {

inline absl::string_view Av(std::string_view s) { return {s.data(), s.size()}; }
inline std::string_view Sv(absl::string_view s) { return {s.data(), s.size()}; }

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
};
// A hash map with string keys that is searched by std::string_view without a copy.
template <class V>
using StringMap = absl::flat_hash_map<std::string, V, StringHash, std::equal_to<>>;
using StringSet = absl::flat_hash_set<std::string, StringHash, std::equal_to<>>;

namespace internal {
inline void Append(std::string& out, std::string_view s) { out.append(s); }
inline void Append(std::string& out, absl::string_view s) { out.append(s.data(), s.size()); }
inline void Append(std::string& out, const char* s) { out.append(s); }
inline void Append(std::string& out, const std::string& s) { out.append(s); }
inline void Append(std::string& out, char c) { out.push_back(c); }
inline void Append(std::string& out, bool b) { out.append(b ? "true" : "false"); }
template <class T>
  requires(std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char>)
void Append(std::string& out, T n) {
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, n).ptr;
  out.append(buffer, end);
}
template <std::floating_point T>
void Append(std::string& out, T n) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, n).ptr;
  out.append(buffer, end);
}
}  // namespace internal

// Concatenates strings of any kind and numbers.
template <class... Parts>
std::string StrCat(const Parts&... parts) {
  std::string out;
  (internal::Append(out, parts), ...);
  return out;
}
template <class... Parts>
void StrAppend(std::string& out, const Parts&... parts) {
  (internal::Append(out, parts), ...);
}

// Pieces between separators; "" gives one empty piece. The views point into `text`.
std::vector<std::string_view> Split(std::string_view text, char separator);
// At most two pieces: what stands before the first separator and what follows it.
std::pair<std::string_view, std::optional<std::string_view>> SplitOnce(std::string_view text,
                                                                       char separator);
std::string_view Trim(std::string_view text);  // of ASCII white space
std::string ToLower(std::string_view text);

template <class Range>
std::string Join(const Range& parts, std::string_view separator) {
  std::string out;
  bool first = true;
  for (const auto& part : parts) {
    if (!first) out.append(separator);
    first = false;
    internal::Append(out, part);
  }
  return out;
}

// The whole text as a decimal integer that fits T, else nothing.
template <std::integral T>
std::optional<T> ParseInt(std::string_view text, int radix = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, radix);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace berth::base

#endif  // BERTH_BASE_STRINGS_H_
