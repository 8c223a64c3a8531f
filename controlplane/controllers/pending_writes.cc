// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/pending_writes.h"

namespace berth::controlplane {

PendingWrites::PendingWrites(const base::Clock& clock, absl::Duration timeout)
    : clock_(clock), timeout_(timeout) {}

void PendingWrites::Note(std::string_view owner, std::string key,
                         std::optional<std::string> before) {
  base::MutexLock l(mu_);
  writes_[std::string(owner)].insert_or_assign(std::move(key),
                                               Write{std::move(before), clock_.Now()});
}

bool PendingWrites::Settled(std::string_view owner, const Lookup& lookup) {
  std::map<std::string, Write> open;
  {
    base::MutexLock l(mu_);
    const auto it = writes_.find(owner);
    if (it == writes_.end()) return true;
    open = it->second;
  }
  const absl::Time now = clock_.Now();
  std::erase_if(open, [&](const auto& write) {
    return now - write.second.since > timeout_ || lookup(write.first) != write.second.before;
  });
  base::MutexLock l(mu_);
  if (open.empty()) {
    if (const auto it = writes_.find(owner); it != writes_.end()) writes_.erase(it);
    return true;
  }
  writes_[std::string(owner)] = std::move(open);
  return false;
}

void PendingWrites::Forget(std::string_view owner) {
  base::MutexLock l(mu_);
  if (const auto it = writes_.find(owner); it != writes_.end()) writes_.erase(it);
}

}  // namespace berth::controlplane
