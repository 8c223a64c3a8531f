// SPDX-License-Identifier: Apache-2.0
#include "client/event_correlator.h"

#include <algorithm>
#include <cstdio>

namespace berth::client {
namespace {

// client-go's numbers: 25 at once, then one in five minutes, for each object.
constexpr double kBurst = 25;
constexpr absl::Duration kRefill = absl::Minutes(5);
constexpr size_t kRemembered = 4096;
constexpr absl::Duration kSeriesAge = absl::Hours(1);  // the server forgets events then, too

std::string Hex(int64_t number) {
  char text[24];
  std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(number));
  return text;
}

std::string ObjectKey(const RecordedEvent& event) {
  return base::Join(
      std::initializer_list<std::string_view>{event.kind, event.namespace_, event.name, event.uid,
                                              event.api_version},
      "\n");
}

}  // namespace

void EventCorrelator::MakeRoom(absl::Time now) {
  if (series_.size() >= kRemembered) {
    absl::erase_if(series_,
                   [&](const auto& entry) { return now - entry.second.last > kSeriesAge; });
    if (series_.size() >= kRemembered) series_.clear();
  }
  if (buckets_.size() >= kRemembered) {
    absl::erase_if(buckets_, [&](const auto& entry) {
      return entry.second.tokens + absl::FDivDuration(now - entry.second.refilled, kRefill) >=
             kBurst;
    });
    if (buckets_.size() >= kRemembered) buckets_.clear();
  }
}

bool EventCorrelator::TakeToken(const RecordedEvent& event) {
  const auto [it, added] = buckets_.try_emplace(ObjectKey(event), Bucket{kBurst, event.when});
  Bucket& bucket = it->second;
  const double refill = absl::FDivDuration(event.when - bucket.refilled, kRefill);
  bucket.tokens = std::min(kBurst, bucket.tokens + std::max(refill, 0.0));
  bucket.refilled = event.when;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

EventCorrelator::Verdict EventCorrelator::Decide(const RecordedEvent& event) {
  MakeRoom(event.when);
  Verdict out;
  out.key =
      base::Join(std::initializer_list<std::string_view>{ObjectKey(event), event.field_path,
                                                         event.type, event.reason, event.message},
                 "\n");
  Series& series = series_[out.key];
  if (series.count == 0 || event.when - series.last > kSeriesAge) {
    series = {.event_name = base::StrCat(event.name, ".", Hex(absl::ToUnixNanos(event.when))),
              .count = 0,
              .first = event.when};
  }
  // An event that the filter drops counts nevertheless: the next one that passes tells how many.
  const bool never_written = series.count == 0;
  series.count += 1;
  series.last = event.when;
  out.drop = !TakeToken(event);
  if (out.drop && never_written) {
    series_.erase(out.key);
    return out;
  }
  out.event_name = series.event_name;
  out.count = series.count;
  out.first = series.first;
  return out;
}

void EventCorrelator::Forget(std::string_view key) {
  if (const auto it = series_.find(key); it != series_.end()) series_.erase(it);
}

}  // namespace berth::client
