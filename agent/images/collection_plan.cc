// SPDX-License-Identifier: Apache-2.0
#include "agent/images/collection_plan.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace berth::agent {

void UpdateHistory(const std::vector<SeenImage>& images,
                   const std::set<std::string, std::less<>>& used, absl::Time now,
                   ImageHistories& history) {
  std::set<std::string_view> there;
  for (const SeenImage& image : images) {
    there.insert(image.id);
    const auto [it, is_new] = history.try_emplace(image.id);
    if (is_new) it->second.first_seen = now;
    const bool in_use = used.contains(image.id) ||
                        std::any_of(image.names.begin(), image.names.end(),
                                    [&](const std::string& name) { return used.contains(name); });
    if (in_use) it->second.last_used = now;
  }
  for (auto it = history.begin(); it != history.end();) {
    it = there.contains(it->first) ? std::next(it) : history.erase(it);
  }
}

std::vector<SeenImage> UnusedInOrder(const std::vector<SeenImage>& images,
                                     const ImageHistories& history, absl::Time now) {
  std::vector<SeenImage> out;
  for (const SeenImage& image : images) {
    const auto it = history.find(image.id);
    if (it != history.end() && !image.pinned && it->second.last_used < now) out.push_back(image);
  }
  const auto rank = [&](const SeenImage& image) {
    const ImageHistory& known = history.find(image.id)->second;
    return std::tuple(known.last_used, known.first_seen);
  };
  std::stable_sort(out.begin(), out.end(),
                   [&](const SeenImage& a, const SeenImage& b) { return rank(a) < rank(b); });
  return out;
}

bool IsTooOld(const ImageHistory& history, const CollectionPolicy& policy, absl::Time daemon_began,
              absl::Time now) {
  return policy.max_age > absl::ZeroDuration() && now - daemon_began > policy.max_age &&
         now - history.last_used > policy.max_age;
}

bool IsTooYoung(const ImageHistory& history, const CollectionPolicy& policy, absl::Time now) {
  return now - history.first_seen < policy.min_age;
}

int64_t BytesToFree(const CollectionPolicy& policy, int64_t capacity, int64_t available) {
  if (capacity <= 0) return 0;
  available = std::min(available, capacity);
  const double used =
      100 - std::floor(100.0 * static_cast<double>(available) / static_cast<double>(capacity));
  if (used < policy.high_percent) return 0;
  const double wanted = static_cast<double>(capacity) * (100 - policy.low_percent) / 100;
  return std::max<int64_t>(0, static_cast<int64_t>(wanted) - available);
}

}  // namespace berth::agent
