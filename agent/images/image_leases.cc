// SPDX-License-Identifier: Apache-2.0
#include "agent/images/image_leases.h"

#include <algorithm>

namespace berth::agent {
namespace {

// From the answer that an image is there to the container that uses it lie a few calls to the
// runtime, each of which may take its time.
constexpr absl::Duration kNeeded = absl::Minutes(10);

}  // namespace

void ImageLeases::Need(std::string_view name) {
  const absl::Time now = clock_.Now();
  base::MutexLock l(mu_);
  for (auto it = needed_.begin(); it != needed_.end();) {
    it = now - it->second > kNeeded ? needed_.erase(it) : std::next(it);
  }
  needed_[std::string(name)] = now;
  while (being_removed_.contains(name)) removed_.Wait(mu_);
}

bool ImageLeases::NeededLocked(const std::vector<std::string>& names) const {
  const absl::Time now = clock_.Now();
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) BERTH_REQUIRES(mu_) {
    const auto it = needed_.find(name);
    return it != needed_.end() && now - it->second <= kNeeded;
  });
}

bool ImageLeases::Needed(const std::vector<std::string>& names) const {
  base::MutexLock l(mu_);
  return NeededLocked(names);
}

bool ImageLeases::BeginRemoval(const std::vector<std::string>& names) {
  base::MutexLock l(mu_);
  if (NeededLocked(names)) return false;
  being_removed_.insert(names.begin(), names.end());
  return true;
}

void ImageLeases::EndRemoval(const std::vector<std::string>& names) {
  base::MutexLock l(mu_);
  for (const std::string& name : names) being_removed_.erase(name);
  removed_.NotifyAll();
}

}  // namespace berth::agent
