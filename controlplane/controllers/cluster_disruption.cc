// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/cluster_disruption.h"

#include <string>
#include <utility>

namespace berth::controlplane {

bool ClusterDisruption::Note(std::string_view node, bool ready, absl::Time now) {
  bool& known = ready_.try_emplace(std::string(node), false).first->second;
  ready_count_ += static_cast<int>(ready) - static_cast<int>(std::exchange(known, ready));
  return Look(now);
}

bool ClusterDisruption::Remove(std::string_view node, absl::Time now) {
  const auto it = ready_.find(node);
  if (it == ready_.end()) return false;
  ready_count_ -= static_cast<int>(it->second);
  ready_.erase(it);
  return Look(now);
}

bool ClusterDisruption::Look(absl::Time now) {
  const bool disrupted = !ready_.empty() && ready_count_ == 0;
  const bool was = end_ == absl::InfiniteFuture();
  if (disrupted == was) return false;
  end_ = disrupted ? absl::InfiniteFuture() : now + grace_;
  return true;
}

}  // namespace berth::controlplane
