// SPDX-License-Identifier: Apache-2.0
// Between whoever needs an image and whoever removes unused ones: an image that a container is
// about to be made of is not removed, and one that is being removed is not relied upon.
// Thread-safe.
#ifndef BERTH_AGENT_IMAGES_IMAGE_LEASES_H_
#define BERTH_AGENT_IMAGES_IMAGE_LEASES_H_

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace berth::agent {

class ImageLeases {
 public:
  explicit ImageLeases(base::Clock& clock) : clock_(clock) {}

  // The image is needed from now on; by its full name or its id. Waits while it is being removed,
  // so that what the runtime says of it afterwards holds.
  void Need(std::string_view name);
  // Whether somebody needed it a short while ago; afterwards a container's own use keeps it.
  bool Needed(const std::vector<std::string>& names) const;

  // False when somebody needs it: it stays. Else it is being removed until EndRemoval().
  bool BeginRemoval(const std::vector<std::string>& names);
  void EndRemoval(const std::vector<std::string>& names);

 private:
  bool NeededLocked(const std::vector<std::string>& names) const BERTH_REQUIRES(mu_);

  base::Clock& clock_;
  mutable base::Mutex mu_;
  base::CondVar removed_;
  std::map<std::string, absl::Time, std::less<>> needed_ BERTH_GUARDED_BY(mu_);
  std::set<std::string, std::less<>> being_removed_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_IMAGES_IMAGE_LEASES_H_
