// SPDX-License-Identifier: Apache-2.0
// JSON by hand, for documents that are no API types: discovery, cells, frames.
#ifndef BERTH_CONTROLPLANE_APISERVER_JSON_TEXT_H_
#define BERTH_CONTROLPLANE_APISERVER_JSON_TEXT_H_

#include <string>
#include <string_view>

#include "api/json_text.h"

namespace berth::controlplane {

// The text as a JSON string, quotes included.
inline std::string JsonQuote(std::string_view text) {
  std::string out;
  api::AppendJsonString(out, text);
  return out;
}

template <class Range>
std::string JsonStrings(const Range& texts) {
  std::string out = "[";
  for (const auto& text : texts) {
    if (out.size() > 1) out += ',';
    out += JsonQuote(text);
  }
  return out += ']';
}

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_JSON_TEXT_H_
