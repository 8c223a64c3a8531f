// SPDX-License-Identifier: Apache-2.0
// Crash back-off of the containers of one pod: 10 s, 20 s, 40 s ... up to a maximum, anew after a
// container held for ten minutes. As with the kubelet it outlives containers and sandboxes, and
// ends with the daemon. Not thread-safe: the pod's worker owns it.
#ifndef BERTH_AGENT_SYNC_RESTART_BACKOFF_H_
#define BERTH_AGENT_SYNC_RESTART_BACKOFF_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace berth::agent {

class RestartBackoff {
 public:
  explicit RestartBackoff(absl::Duration max = absl::Minutes(5)) : max_(max) {}

  struct Wait {
    absl::Time until;
    absl::Duration step;
  };
  // A container with another image is another one: see BackoffKey. Whether the one that ended at
  // `finished` must still wait.
  std::optional<Wait> Check(std::string_view key, absl::Time finished, absl::Time now) const;
  // The one that ended at `finished` is restarted at `now`: the next step counts from here on.
  void Restarted(std::string_view key, absl::Time finished, absl::Time now);

 private:
  struct Entry {
    absl::Duration step;
    absl::Time last;  // of the last restart
  };
  static bool Expired(const Entry& entry, absl::Time finished);

  const absl::Duration max_;
  std::map<std::string, Entry, std::less<>> entries_;
};

// As Go prints durations: "10s", "1m20s", "5m0s", "1h0m0s", "1.5s", "250ms", "0s".
std::string FormatGoDuration(absl::Duration duration);

}  // namespace berth::agent

#endif  // BERTH_AGENT_SYNC_RESTART_BACKOFF_H_
