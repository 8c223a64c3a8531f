// SPDX-License-Identifier: Apache-2.0
// What a controller has done and its informer has not shown yet. While expectations are open the
// controller must not act on the number of pods it sees, or a stale cache makes it create too many.
// Thread-safe.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_EXPECTATIONS_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_EXPECTATIONS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/strings.h"

namespace berth::controlplane {

class Expectations {
 public:
  // An expectation older than `timeout` counts as met: an event may have been lost.
  explicit Expectations(const base::Clock& clock, absl::Duration timeout = absl::Minutes(5));

  void ExpectCreations(std::string_view owner, int count);
  void ExpectDeletions(std::string_view owner, const std::vector<std::string>& uids);
  // A creation was seen, or will never be (it failed).
  void CreationObserved(std::string_view owner);
  void DeletionObserved(std::string_view owner, std::string_view uid);
  bool AwaitsDeletion(std::string_view owner, std::string_view uid) const;
  bool Satisfied(std::string_view owner) const;
  // When open expectations are given up; InfiniteFuture when none are open.
  absl::Time Deadline(std::string_view owner) const;
  void Forget(std::string_view owner);

 private:
  struct Open {
    int creations = 0;
    base::StringSet deletions;
    absl::Time since;
  };
  static bool Met(const Open& open) { return open.creations <= 0 && open.deletions.empty(); }

  const base::Clock& clock_;
  const absl::Duration timeout_;
  mutable base::Mutex mu_;
  base::StringMap<Open> open_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_EXPECTATIONS_H_
