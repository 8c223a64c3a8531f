// SPDX-License-Identifier: Apache-2.0
#include "agent/images/pull_backoff.h"

#include <algorithm>

namespace berth::agent {

absl::Duration PullBackoff::Remaining(std::string_view key, absl::Time now) const {
  base::MutexLock lock(mu_);
  const auto at = entries_.find(key);
  if (at == entries_.end()) return absl::ZeroDuration();
  return std::max(at->second.failed_at + at->second.delay - now, absl::ZeroDuration());
}

std::string PullBackoff::LastError(std::string_view key) const {
  base::MutexLock lock(mu_);
  const auto at = entries_.find(key);
  return at == entries_.end() ? std::string() : at->second.error;
}

void PullBackoff::Failed(std::string_view key, std::string_view error, absl::Time now) {
  base::MutexLock lock(mu_);
  DropOld(now);
  Entry& entry = entries_[std::string(key)];
  entry.delay = entry.delay == absl::ZeroDuration() ? first_ : std::min(entry.delay * 2, max_);
  entry.failed_at = now;
  entry.error = error;
}

void PullBackoff::Succeeded(std::string_view key) {
  base::MutexLock lock(mu_);
  if (const auto at = entries_.find(key); at != entries_.end()) entries_.erase(at);
}

// What did not fail for two of the longest delays starts anew.
void PullBackoff::DropOld(absl::Time now) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto here = at++;
    if (now - here->second.failed_at > 2 * max_) entries_.erase(here);
  }
}

}  // namespace berth::agent
