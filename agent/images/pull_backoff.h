// SPDX-License-Identifier: Apache-2.0
// When a failed pull may be tried again: 10 s, 20 s, ... up to 300 s, per key. Thread-safe.
#ifndef BERTH_AGENT_IMAGES_PULL_BACKOFF_H_
#define BERTH_AGENT_IMAGES_PULL_BACKOFF_H_

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/strings.h"

namespace berth::agent {

class PullBackoff {
 public:
  PullBackoff(absl::Duration first, absl::Duration max) : first_(first), max_(max) {}

  // Zero when the key may be tried now.
  absl::Duration Remaining(std::string_view key, absl::Time now) const;
  std::string LastError(std::string_view key) const;
  void Failed(std::string_view key, std::string_view error, absl::Time now);
  void Succeeded(std::string_view key);

 private:
  struct Entry {
    absl::Duration delay;
    absl::Time failed_at;
    std::string error;
  };
  void DropOld(absl::Time now) BERTH_REQUIRES(mu_);

  const absl::Duration first_, max_;
  mutable base::Mutex mu_;
  base::StringMap<Entry> entries_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_IMAGES_PULL_BACKOFF_H_
