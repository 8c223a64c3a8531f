// SPDX-License-Identifier: Apache-2.0
#include "agent/sync/restart_backoff.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/strings.h"

namespace berth::agent {
namespace {
constexpr absl::Duration kFirst = absl::Seconds(10);
// Who ran so long is not in a crash loop any more, whatever the maximum is.
constexpr absl::Duration kHeld = absl::Minutes(10);
}  // namespace

bool RestartBackoff::Expired(const Entry& entry, absl::Time finished) {
  return finished - entry.last > kHeld;
}

std::optional<RestartBackoff::Wait> RestartBackoff::Check(std::string_view key, absl::Time finished,
                                                          absl::Time now) const {
  const auto it = entries_.find(key);
  if (it == entries_.end() || Expired(it->second, finished)) return std::nullopt;
  const absl::Time until = finished + it->second.step;
  if (now >= until) return std::nullopt;
  return Wait{until, it->second.step};
}

void RestartBackoff::Restarted(std::string_view key, absl::Time finished, absl::Time now) {
  const absl::Duration first = std::min(kFirst, max_);
  const auto [it, is_new] = entries_.try_emplace(std::string(key), Entry{first, now});
  if (is_new) return;
  Entry& entry = it->second;
  entry.step = Expired(entry, finished) ? first : std::min(max_, entry.step * 2);
  entry.last = now;
}

std::string FormatGoDuration(absl::Duration duration) {
  if (duration < absl::Seconds(1)) {
    return duration == absl::ZeroDuration() ? "0s" : std::string(absl::FormatDuration(duration));
  }
  const absl::Duration whole_minutes = absl::Trunc(duration, absl::Minutes(1));
  const absl::Duration seconds = duration - whole_minutes;
  const int64_t minutes = absl::ToInt64Minutes(whole_minutes);
  std::string out;
  if (minutes >= 60) base::StrAppend(out, minutes / 60, "h");
  if (minutes > 0) base::StrAppend(out, minutes % 60, "m");
  // absl prints 0 as "0" and the rest as Go does.
  base::StrAppend(out, seconds == absl::ZeroDuration() ? std::string("0s")
                       : seconds < absl::Seconds(1)
                           ? absl::StrCat(absl::ToDoubleSeconds(seconds), "s")
                           : std::string(absl::FormatDuration(seconds)));
  return out;
}

}  // namespace berth::agent
