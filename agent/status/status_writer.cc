// SPDX-License-Identifier: Apache-2.0
#include "agent/status/status_writer.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>

#include "agent/observe/kubelet_metrics.h"
#include "api/object.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;
using api::core::v1::PodStatus;
using google::protobuf::util::MessageDifferencer;

// Until then a watch has brought what was written.
constexpr absl::Duration kSettles = absl::Seconds(1);

// Of `has`, those whose types are in `wanted` too.
auto SharedConditions(const PodStatus& has, const PodStatus& wanted) {
  auto shared = has.conditions();
  const auto& own = wanted.conditions();
  shared.erase(std::remove_if(shared.begin(), shared.end(),
                              [&](const auto& condition) {
                                return std::none_of(own.begin(), own.end(), [&](const auto& other) {
                                  return other.type() == condition.type();
                                });
                              }),
               shared.end());
  return shared;
}

// Gone, or another pod of that name: nothing is left to write.
bool IsGone(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsAborted(status);
}

}  // namespace

struct StatusWriter::Entry {
  PodRef ref;
  PodStatus base;    // what the API has
  PodStatus latest;  // what it shall have
  bool set = false;
  uint64_t version = 0;
  uint64_t written = 0;
  absl::Time written_at = absl::InfinitePast();
  absl::Time running_since = absl::InfiniteFuture();  // what `latest` tells and the API not yet
  std::shared_ptr<const Pod> seen;                    // null until the API has told of it
  bool remove = false;
  bool removed = false;
};

StatusWriter::StatusWriter(PodApi& api, base::Executor& executor, base::Clock& clock,
                           std::function<void(const std::string&)> written, KubeletMetrics* metrics)
    : api_(api),
      clock_(clock),
      metrics_(metrics),
      written_(std::move(written)),
      queue_(
          executor, clock, [this](const std::string& uid) { Handle(uid); },
          base::Backoff{absl::Milliseconds(200), absl::Seconds(10)}) {}

StatusWriter::~StatusWriter() = default;

void StatusWriter::Set(const Pod& pod, const PodStatus& status, absl::Time running_since) {
  const std::string& uid = pod.metadata().uid();
  {
    base::MutexLock l(mu_);
    auto& entry = entries_[uid];
    if (entry == nullptr) {
      entry = std::make_unique<Entry>();
      entry->ref = {pod.metadata().namespace_(), pod.metadata().name(), uid};
      entry->base = pod.status();
      entry->latest = pod.status();
    }
    if (entry->removed || MessageDifferencer::Equals(entry->latest, status)) return;
    entry->latest = status;
    entry->running_since = std::min(entry->running_since, running_since);
    ++entry->version;
  }
  queue_.Add(uid);
}

void StatusWriter::Seen(std::shared_ptr<const Pod> pod) {
  const std::string uid = pod->metadata().uid();
  {
    base::MutexLock l(mu_);
    const auto it = entries_.find(uid);
    if (it == entries_.end()) return;
    it->second->seen = std::move(pod);
    if (!Overwritten(*it->second)) return;
  }
  queue_.AddAfter(uid, kSettles);
}

// What else differs is on its way, or the API's own.
bool StatusWriter::Overwritten(const Entry& entry) const {
  if (entry.seen == nullptr || entry.written != entry.version || entry.remove) return false;
  const auto& now = entry.seen->status().conditions();
  return std::any_of(now.begin(), now.end(), [&](const auto& condition) {
    const auto& own = entry.latest.conditions();
    return std::any_of(own.begin(), own.end(), [&](const auto& wanted) {
      return wanted.type() == condition.type() && wanted.status() != condition.status();
    });
  });
}

bool StatusWriter::Written(std::string_view uid) const {
  base::MutexLock l(mu_);
  const auto it = entries_.find(uid);
  return it == entries_.end() || it->second->written == it->second->version;
}

void StatusWriter::Delete(const Pod& pod) {
  const std::string& uid = pod.metadata().uid();
  {
    base::MutexLock l(mu_);
    auto& entry = entries_[uid];
    if (entry == nullptr) {
      entry = std::make_unique<Entry>();
      entry->ref = {pod.metadata().namespace_(), pod.metadata().name(), uid};
    }
    if (entry->remove) return;
    entry->remove = true;
  }
  queue_.Add(uid);
}

void StatusWriter::Forget(std::string_view uid) {
  base::MutexLock l(mu_);
  if (const auto it = entries_.find(uid); it != entries_.end()) entries_.erase(it);
}

void StatusWriter::Handle(const std::string& uid) {
  Entry now;
  {
    base::MutexLock l(mu_);
    const auto it = entries_.find(uid);
    if (it == entries_.end() || it->second->removed) return;
    Entry& entry = *it->second;
    if (Overwritten(entry) && clock_.Now() - entry.written_at >= kSettles) {
      entry.base = entry.seen->status();
      // Conditions of others that came meanwhile are not for this patch to remove.
      *entry.base.mutable_conditions() = SharedConditions(entry.base, entry.latest);
      ++entry.version;
    }
    now = entry;
  }
  absl::Status status;
  if (now.written != now.version) {
    const std::string patch = MakeStatusPatch(uid, now.base, now.latest);
    if (!patch.empty()) status = api_.PatchStatus(now.ref, patch);
  }
  bool removed = IsGone(status);
  if (status.ok() && now.remove) {
    status = api_.Delete(now.ref);
    removed = status.ok() || IsGone(status);
  }
  if (!status.ok() && !IsGone(status)) {
    BERTH_WARNING("writing pod status failed",
                  {"pod", api::KeyOf(now.ref.namespace_, now.ref.name)}, {"error", status});
    queue_.AddWithBackoff(uid);
    return;
  }
  queue_.Forget(uid);
  bool again = false, look = false;
  {
    base::MutexLock l(mu_);
    const auto it = entries_.find(uid);
    if (it == entries_.end()) return;
    it->second->base = now.latest;
    if (it->second->running_since == now.running_since) {
      it->second->running_since = absl::InfiniteFuture();
    }
    if (now.written != now.version) it->second->written_at = clock_.Now();
    it->second->written = removed ? it->second->version : now.version;
    it->second->removed = removed;
    again = it->second->written != it->second->version;
    look = Overwritten(*it->second);
  }
  if (again) queue_.Add(uid);
  if (look) queue_.AddAfter(uid, kSettles);
  if (metrics_ != nullptr && status.ok() && now.running_since != absl::InfiniteFuture()) {
    metrics_->RunningWritten(clock_.Now() - now.running_since);
  }
  written_(uid);
}

}  // namespace berth::agent
