// SPDX-License-Identifier: Apache-2.0
// Objects that a controller wrote and whose new state its informer has not shown yet. Until it has,
// planning from the informer would repeat what was done. Thread-safe.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_PENDING_WRITES_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_PENDING_WRITES_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/strings.h"

namespace berth::controlplane {

class PendingWrites {
 public:
  // The resourceVersion that the informer has of an object; nothing when it does not show it.
  using Lookup = std::function<std::optional<std::string>(const std::string& key)>;

  // A write that was not shown after `timeout` is given up: the object may be gone again.
  explicit PendingWrites(const base::Clock& clock, absl::Duration timeout = absl::Seconds(5));

  // `before` is the version that the write started from; nothing for an object that was created.
  void Note(std::string_view owner, std::string key, std::optional<std::string> before);
  // True when the informer shows, for each write of the owner, something else than before it.
  bool Settled(std::string_view owner, const Lookup& lookup);
  void Forget(std::string_view owner);

 private:
  struct Write {
    std::optional<std::string> before;
    absl::Time since;
  };
  const base::Clock& clock_;
  const absl::Duration timeout_;
  base::Mutex mu_;
  base::StringMap<std::map<std::string, Write>> writes_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_PENDING_WRITES_H_
