// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/expectations.h"

namespace berth::controlplane {

Expectations::Expectations(const base::Clock& clock, absl::Duration timeout)
    : clock_(clock), timeout_(timeout) {}

void Expectations::ExpectCreations(std::string_view owner, int count) {
  base::MutexLock l(mu_);
  Open& open = open_[std::string(owner)];
  open.creations += count;
  open.since = clock_.Now();
}

void Expectations::ExpectDeletions(std::string_view owner, const std::vector<std::string>& uids) {
  base::MutexLock l(mu_);
  Open& open = open_[std::string(owner)];
  open.deletions.insert(uids.begin(), uids.end());
  open.since = clock_.Now();
}

void Expectations::CreationObserved(std::string_view owner) {
  base::MutexLock l(mu_);
  const auto it = open_.find(owner);
  if (it == open_.end()) return;
  if (it->second.creations > 0) --it->second.creations;
  if (Met(it->second)) open_.erase(it);
}

void Expectations::DeletionObserved(std::string_view owner, std::string_view uid) {
  base::MutexLock l(mu_);
  const auto it = open_.find(owner);
  if (it == open_.end()) return;
  if (const auto found = it->second.deletions.find(uid); found != it->second.deletions.end()) {
    it->second.deletions.erase(found);
  }
  if (Met(it->second)) open_.erase(it);
}

bool Expectations::AwaitsDeletion(std::string_view owner, std::string_view uid) const {
  base::MutexLock l(mu_);
  const auto it = open_.find(owner);
  return it != open_.end() && it->second.deletions.contains(uid);
}

bool Expectations::Satisfied(std::string_view owner) const {
  base::MutexLock l(mu_);
  const auto it = open_.find(owner);
  return it == open_.end() || Met(it->second) || clock_.Now() - it->second.since > timeout_;
}

absl::Time Expectations::Deadline(std::string_view owner) const {
  base::MutexLock l(mu_);
  const auto it = open_.find(owner);
  return it == open_.end() ? absl::InfiniteFuture() : it->second.since + timeout_;
}

void Expectations::Forget(std::string_view owner) {
  base::MutexLock l(mu_);
  if (const auto it = open_.find(owner); it != open_.end()) open_.erase(it);
}

}  // namespace berth::controlplane
