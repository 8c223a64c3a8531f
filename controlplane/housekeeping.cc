// SPDX-License-Identifier: Apache-2.0
#include "controlplane/housekeeping.h"

#include <algorithm>

#include "api/proto/core/v1/event.pb.h"
#include "base/log.h"

namespace berth::controlplane {
namespace {

constexpr absl::Duration kEventLifetime = absl::Hours(1);

absl::Time LastWritten(const api::core::v1::Event& event) {
  const int64_t seconds =
      std::max({event.metadata().creation_timestamp().seconds(), event.last_timestamp().seconds(),
                event.series().last_observed_time().seconds()});
  return absl::FromUnixSeconds(seconds);
}

}  // namespace

void Compaction::Run() {
  const int64_t now = store_.revision();
  if (const absl::Status status = store_.Compact(previous_); !status.ok()) {
    BERTH_WARNING("compaction failed", {"revision", previous_}, {"error", status});
  }
  previous_ = now;
}

int DeleteOldEvents(Registry& registry, absl::Time now) {
  const ResourceDescriptor& events = *FindResource("", "v1", "events");
  const UserInfo user{.name = "system:apiserver", .groups = {std::string(kMasters)}};
  int deleted = 0;
  for (const CachedObject& object : registry.cache().List(events, "").objects) {
    const auto& event = static_cast<const api::core::v1::Event&>(*object.object);
    if (LastWritten(event) + kEventLifetime > now) continue;
    // One that was written again meanwhile stays.
    DeleteRequest request;
    request.resource_version = event.metadata().resource_version();
    const auto result = registry.Delete({user, now}, events, event.metadata().namespace_(),
                                        event.metadata().name(), request);
    if (result.ok()) ++deleted;
  }
  return deleted;
}

}  // namespace berth::controlplane
