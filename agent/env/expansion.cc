// SPDX-License-Identifier: Apache-2.0
#include "agent/env/expansion.h"

namespace berth::agent {

std::string Expand(std::string_view text, const VariableLookup& lookup) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out.push_back(text[i]);
      continue;
    }
    const char next = text[i + 1];
    if (next == '$') {
      out.push_back('$');
      ++i;
      continue;
    }
    if (next != '(') {
      out.push_back('$');
      continue;
    }
    const size_t end = text.find(')', i + 2);
    if (end == std::string_view::npos) {
      out.append("$(");  // what follows may hold further references
      ++i;
      continue;
    }
    const std::string_view name = text.substr(i + 2, end - i - 2);
    if (const auto value = lookup(name)) {
      out.append(*value);
    } else {
      out.append(text.substr(i, end - i + 1));
    }
    i = end;
  }
  return out;
}

}  // namespace berth::agent
