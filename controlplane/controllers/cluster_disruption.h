// SPDX-License-Identifier: Apache-2.0
// Tells a lost node from a lost network. When no node is Ready, it is most likely this control
// plane that is cut off, and pods that nobody can see are better left alone. Single-threaded, no
// clock.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_CLUSTER_DISRUPTION_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_CLUSTER_DISRUPTION_H_

#include <string_view>

#include "absl/time/time.h"
#include "base/strings.h"

namespace berth::controlplane {

class ClusterDisruption {
 public:
  // `grace` is how long nodes get to report after the first of them did.
  explicit ClusterDisruption(absl::Duration grace) : grace_(grace) {}

  // Both are true when End() changed.
  bool Note(std::string_view node, bool ready, absl::Time now);
  bool Remove(std::string_view node, absl::Time now);

  // Before it no node is taken for lost: InfiniteFuture while there are nodes and none is Ready.
  absl::Time End() const { return end_; }
  int nodes() const { return static_cast<int>(ready_.size()); }

 private:
  bool Look(absl::Time now);

  const absl::Duration grace_;
  base::StringMap<bool> ready_;
  int ready_count_ = 0;
  absl::Time end_ = absl::InfinitePast();
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_CLUSTER_DISRUPTION_H_
