// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/mirror_pods.h"

#include <optional>

#include "agent/sources/static_pod.h"
#include "api/object.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/status.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;
using api::core::v1::PodStatus;

constexpr absl::Duration kLater = absl::Seconds(1);
constexpr base::Backoff kBackoff{absl::Milliseconds(500), absl::Seconds(30)};

}  // namespace

struct MirrorPods::Entry {
  PodPtr wanted;
  PodPtr mirror;           // the API's latest
  std::string lost;        // uid of the last one that went
  std::string status_uid;  // of the static pod that `status` is of
  std::optional<PodStatus> status;
};

MirrorPods::MirrorPods(PodApi& api, StatusWriter& statuses, base::Executor& executor,
                       base::Clock& clock, Hooks hooks)
    : api_(api),
      statuses_(statuses),
      hooks_(std::move(hooks)),
      queue_(
          executor, clock, [this](const std::string& key) { Handle(key); }, kBackoff) {}

MirrorPods::~MirrorPods() = default;

void MirrorPods::Want(PodPtr pod) {
  const std::string key = api::KeyOf(*pod);
  {
    base::MutexLock lock(mu_);
    entries_[key].wanted = std::move(pod);
  }
  queue_.Add(key);
}

void MirrorPods::Unwant(const Pod& pod) {
  const std::string key = api::KeyOf(pod);
  {
    base::MutexLock lock(mu_);
    Entry& entry = entries_[key];
    // Another version may have come before this one went.
    if (entry.wanted != nullptr && entry.wanted->metadata().uid() == pod.metadata().uid()) {
      entry.wanted = nullptr;
    }
  }
  queue_.Add(key);
}

void MirrorPods::SetStatus(const Pod& pod, const PodStatus& status) {
  const std::string key = api::KeyOf(pod);
  {
    base::MutexLock lock(mu_);
    Entry& entry = entries_[key];
    entry.status_uid = pod.metadata().uid();
    entry.status = status;
  }
  queue_.Add(key);
}

void MirrorPods::Seen(PodPtr mirror) {
  const std::string key = api::KeyOf(*mirror);
  statuses_.Seen(mirror);
  {
    base::MutexLock lock(mu_);
    entries_[key].mirror = std::move(mirror);
  }
  queue_.Add(key);
}

void MirrorPods::Lost(const Pod& mirror) {
  const std::string key = api::KeyOf(mirror);
  {
    base::MutexLock lock(mu_);
    Entry& entry = entries_[key];
    entry.lost = mirror.metadata().uid();
    if (entry.mirror != nullptr && entry.mirror->metadata().uid() == entry.lost) {
      entry.mirror = nullptr;
    }
  }
  statuses_.Forget(mirror.metadata().uid());
  queue_.Add(key);
}

void MirrorPods::Ready() {
  std::vector<std::string> keys;
  {
    base::MutexLock lock(mu_);
    ready_ = true;
    for (const auto& [key, entry] : entries_) keys.push_back(key);
  }
  for (const auto& key : keys) queue_.Add(key);
}

void MirrorPods::Handle(const std::string& key) {
  Entry now;
  bool ready = false;
  {
    base::MutexLock lock(mu_);
    const auto it = entries_.find(key);
    if (it == entries_.end()) return;
    now = it->second;
    ready = ready_;
    if (now.wanted == nullptr && now.mirror == nullptr) {
      entries_.erase(it);
      return;
    }
  }
  const auto [namespace_, name] = api::SplitKey(key);
  if (now.mirror == nullptr) {
    if (hooks_.ending(namespace_, name)) return queue_.AddAfter(key, kLater);
    return Make(key, *now.wanted);
  }
  if (now.wanted == nullptr && !ready) return;
  const bool deleted = now.mirror->metadata().has_deletion_timestamp();
  if (now.wanted != nullptr && !deleted && Mirrors(*now.mirror, *now.wanted)) {
    queue_.Forget(key);
    if (now.status.has_value() && now.status_uid == now.wanted->metadata().uid()) {
      statuses_.Set(*now.mirror, *now.status);
    }
    return;
  }
  if (!deleted && hooks_.ending(namespace_, name)) return queue_.AddAfter(key, kLater);
  Remove(key, *now.mirror);
}

void MirrorPods::Remove(const std::string& key, const Pod& mirror) {
  const auto& meta = mirror.metadata();
  const absl::Status status = api_.Delete({meta.namespace_(), meta.name(), meta.uid()});
  if (status.ok()) {
    BERTH_INFO("mirror pod removed", {"pod", key});
  } else if (!absl::IsNotFound(status) && !absl::IsAborted(status)) {
    BERTH_WARNING("removing a mirror pod failed", {"pod", key}, {"error", status});
    return queue_.AddWithBackoff(key);
  }
  // The watch tells when it is gone.
}

void MirrorPods::Make(const std::string& key, const Pod& pod) {
  const std::string node_uid = hooks_.node_uid();
  if (node_uid.empty()) return queue_.AddAfter(key, kLater);
  auto made = std::make_shared<Pod>();
  const absl::Status status = api_.Create(MirrorOf(pod, node_uid), *made);
  if (!status.ok()) {
    // One that is there already is on its way to us by the watch.
    if (!absl::IsAlreadyExists(status)) {
      BERTH_WARNING("making a mirror pod failed", {"pod", key}, {"error", status});
    }
    return queue_.AddWithBackoff(key);
  }
  BERTH_INFO("mirror pod made", {"pod", key}, {"uid", made->metadata().uid()});
  {
    base::MutexLock lock(mu_);
    const auto it = entries_.find(key);
    if (it == entries_.end()) return;
    // The watch may have been faster, even with the end of it.
    if (it->second.mirror == nullptr && it->second.lost != made->metadata().uid()) {
      it->second.mirror = std::move(made);
    }
  }
  queue_.Add(key);
}

}  // namespace berth::agent
