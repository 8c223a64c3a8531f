// SPDX-License-Identifier: Apache-2.0
// When the next sync may run: at once for the first two in a period, later ones wait until the
// period since the last but one has passed. Bursts of events so become few syncs. Pure.
#ifndef BERTH_NETPROXY_SYNC_SCHEDULE_H_
#define BERTH_NETPROXY_SYNC_SCHEDULE_H_

#include <algorithm>

#include "absl/time/time.h"

namespace berth::netproxy {

class SyncSchedule {
 public:
  explicit SyncSchedule(absl::Duration min_period) : min_period_(min_period) {}
  absl::Duration DelayAt(absl::Time now) const {
    return std::max(absl::ZeroDuration(), last_but_one_ + min_period_ - now);
  }
  void Ran(absl::Time now) {
    last_but_one_ = last_;
    last_ = now;
  }

 private:
  const absl::Duration min_period_;
  absl::Time last_ = absl::InfinitePast();
  absl::Time last_but_one_ = absl::InfinitePast();
};

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_SYNC_SCHEDULE_H_
