// SPDX-License-Identifier: Apache-2.0
// Which images go: those that nothing has used for long, and when the disk is full the least
// recently used ones until enough is free. Pure.
#ifndef BERTH_AGENT_IMAGES_COLLECTION_PLAN_H_
#define BERTH_AGENT_IMAGES_COLLECTION_PLAN_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace berth::agent {

struct CollectionPolicy {
  int high_percent = 85;                          // of the image disk in use: begin to remove
  int low_percent = 80;                           // until this much is in use
  absl::Duration min_age = absl::Minutes(2);      // known for less: stays
  absl::Duration max_age = absl::ZeroDuration();  // unused for longer: goes; 0: never
  bool enabled() const { return high_percent < 100 || max_age > absl::ZeroDuration(); }
};

// An image of the runtime.
struct SeenImage {
  std::string id;
  std::vector<std::string> names;  // tags and digests, as the runtime has them
  int64_t bytes = 0;
  bool pinned = false;
};

// What is remembered of an image from one look to the next.
struct ImageHistory {
  absl::Time first_seen;
  absl::Time last_used = absl::InfinitePast();
};
using ImageHistories = std::map<std::string, ImageHistory, std::less<>>;  // by id

// Brings the history up to date: `used` are names and ids that containers go by.
void UpdateHistory(const std::vector<SeenImage>& images,
                   const std::set<std::string, std::less<>>& used, absl::Time now,
                   ImageHistories& history);

// Images that may go, the least recently used first: not pinned, not used at `now`.
std::vector<SeenImage> UnusedInOrder(const std::vector<SeenImage>& images,
                                     const ImageHistories& history, absl::Time now);

// Unused for longer than the policy allows. A daemon that has not run for so long does not know.
bool IsTooOld(const ImageHistory& history, const CollectionPolicy& policy, absl::Time daemon_began,
              absl::Time now);
// Known for too short a time to go for want of space.
bool IsTooYoung(const ImageHistory& history, const CollectionPolicy& policy, absl::Time now);

// 0: the disk is not that full.
int64_t BytesToFree(const CollectionPolicy& policy, int64_t capacity, int64_t available);

}  // namespace berth::agent

#endif  // BERTH_AGENT_IMAGES_COLLECTION_PLAN_H_
