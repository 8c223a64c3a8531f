// SPDX-License-Identifier: Apache-2.0
#include "base/quote.h"

#include <algorithm>
#include <array>

namespace berth::base {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// Bytes that are printed as they are.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (int c = 0x20; c < 0x80; ++c) plain[c] = true;
  for (const char c : {'"', '\\', '<', '>', '&'}) plain[static_cast<unsigned char>(c)] = false;
  return plain;
}();

// The length of the valid UTF-8 sequence at the start, 0 when there is none.
size_t SequenceLength(std::string_view s) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char lead = byte(0);
  const size_t length = lead < 0x80   ? 1
                        : lead < 0xC2 ? 0
                        : lead < 0xE0 ? 2
                        : lead < 0xF0 ? 3
                        : lead < 0xF5 ? 4
                                      : 0;
  if (length == 0 || length > s.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;
  if (lead == 0xED && byte(1) >= 0xA0) return 0;  // surrogates
  if (lead == 0xF0 && byte(1) < 0x90) return 0;
  if (lead == 0xF4 && byte(1) >= 0x90) return 0;
  return length;
}

// True when one letter, or the character itself, follows the backslash.
bool AppendShortEscape(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out.append("\\\"");
      return true;
    case '\\':
      out.append("\\\\");
      return true;
    case '\n':
      out.append("\\n");
      return true;
    case '\r':
      out.append("\\r");
      return true;
    case '\t':
      out.append("\\t");
      return true;
    case '\b':
      out.append("\\b");
      return true;
    case '\f':
      out.append("\\f");
      return true;
    default:
      return false;
  }
}

void AppendHex(std::string& out, std::string_view prefix, unsigned char c) {
  out.append(prefix);
  out.push_back(kHex[c >> 4]);
  out.push_back(kHex[c & 15]);
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  out.push_back('"');
  size_t done = 0;
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (kPlain[c]) {
      ++i;
      continue;
    }
    const size_t length = SequenceLength(text.substr(i));
    const bool separator =
        length == 3 && (text.substr(i, 3) == "\u2028" || text.substr(i, 3) == "\u2029");
    if (length > 1 && !separator) {
      i += length;
      continue;
    }
    out.append(text.substr(done, i - done));
    if (separator) {
      out.append(text[i + 2] == '\xA8' ? "\\u2028" : "\\u2029");
    } else if (length == 0) {
      out.append("\\ufffd");
    } else if (!AppendShortEscape(out, c)) {
      AppendHex(out, "\\u00", c);
    }
    i += std::max<size_t>(length, 1);
    done = i;
  }
  out.append(text.substr(done));
  out.push_back('"');
}

void AppendGoQuoted(std::string& out, std::string_view text) {
  out.push_back('"');
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const size_t length = SequenceLength(text.substr(i));
    if (length > 1 || (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')) {
      out.append(text.substr(i, length));
    } else if (c == '\a' || c == '\v') {
      out.append(c == '\a' ? "\\a" : "\\v");
    } else if (!AppendShortEscape(out, c)) {
      AppendHex(out, "\\x", c);
    }
    i += std::max<size_t>(length, 1);
  }
  out.push_back('"');
}

}  // namespace berth::base
