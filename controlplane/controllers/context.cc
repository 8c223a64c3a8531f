// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/context.h"

#include "api/object.h"
#include "base/log.h"

namespace berth::controlplane {

SyncQueue::SyncQueue(Context& context, std::string name, Sync sync)
    : context_(context),
      name_(std::move(name)),
      sync_(std::move(sync)),
      queue_(
          context.executor, context.clock, [this](const std::string& key) { Handle(key); },
          base::Backoff{absl::Milliseconds(10), absl::Seconds(60)}) {}

void SyncQueue::AddAll(const client::InformerBase& informer) {
  for (const auto& object : informer.ListAny()) queue_.Add(api::KeyOf(*object));
}

void SyncQueue::Handle(const std::string& key) {
  if (!context_.ready) return;
  const absl::Status status = sync_(key);
  if (status.ok()) {
    queue_.Forget(key);
    return;
  }
  // A conflict means that the informer is behind: its next event or the back-off brings the key.
  if (absl::IsAborted(status)) {
    BERTH_DEBUG("sync met a newer object", {"controller", name_}, {"key", key}, {"error", status});
  } else {
    BERTH_WARNING("sync failed", {"controller", name_}, {"key", key}, {"error", status});
  }
  queue_.AddWithBackoff(key);
}

}  // namespace berth::controlplane
