// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/job_indexes.h"

#include <algorithm>

#include "base/strings.h"

namespace berth::controlplane {

std::set<int> ParseIndexes(std::string_view text, int completions) {
  std::set<int> out;
  for (const std::string_view piece : base::Split(text, ',')) {
    const auto [low, high] = base::SplitOnce(piece, '-');
    const auto first = base::ParseInt<int>(low);
    const auto last = high.has_value() ? base::ParseInt<int>(*high) : first;
    if (!first.has_value() || !last.has_value() || *first < 0) continue;
    for (int i = *first; i <= std::min(*last, completions - 1); ++i) out.insert(i);
  }
  return out;
}

std::string FormatIndexes(const std::set<int>& indexes) {
  std::string out;
  for (auto it = indexes.begin(); it != indexes.end();) {
    const int first = *it;
    int last = first;
    while (++it != indexes.end() && *it == last + 1) last = *it;
    base::StrAppend(out, out.empty() ? "" : ",", first);
    // Two in a row are written apart, as upstream does it.
    if (last > first) base::StrAppend(out, last == first + 1 ? "," : "-", last);
  }
  return out;
}

}  // namespace berth::controlplane
