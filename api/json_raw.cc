// SPDX-License-Identifier: Apache-2.0
#include "api/json_text.h"

namespace berth::api {
namespace {

// The escape of what Go never leaves in a string as it is; "" for everything else.
std::string_view EscapeAt(std::string_view json, size_t at) {
  switch (json[at]) {
    case '<':
      return "\\u003c";
    case '>':
      return "\\u003e";
    case '&':
      return "\\u0026";
    case '\xE2':
      if (json.substr(at, 3) == "\xE2\x80\xA8") return "\\u2028";
      if (json.substr(at, 3) == "\xE2\x80\xA9") return "\\u2029";
      return {};
    default:
      return {};
  }
}

}  // namespace

void AppendRawJson(std::string& out, std::string_view json) {
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (!in_string) {
      if (c == ' ' || c == '\n' || c == '\t' || c == '\r') continue;
      in_string = c == '"';
      out.push_back(c);
      continue;
    }
    if (const std::string_view escape = EscapeAt(json, i); !escape.empty()) {
      out.append(escape);
      if (c == '\xE2') i += 2;
      continue;
    }
    out.push_back(c);
    if (c == '\\' && i + 1 < json.size()) {
      out.push_back(json[++i]);
    } else if (c == '"') {
      in_string = false;
    }
  }
}

}  // namespace berth::api
