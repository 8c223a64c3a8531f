// SPDX-License-Identifier: Apache-2.0
// Removes images that nothing uses: every five minutes as the policy says, and all of them when the
// disk is needed. What containers are made of, are about to be made of, or what the runtime itself
// uses (pinned images, the sandboxes' image) is never removed. Thread-safe.
#ifndef BERTH_AGENT_IMAGES_IMAGE_COLLECTOR_H_
#define BERTH_AGENT_IMAGES_IMAGE_COLLECTOR_H_

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/images/collection_plan.h"
#include "agent/images/image_leases.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/keyed_queue.h"
#include "base/mutex.h"
#include "cri/runtime.h"

namespace berth::agent {

// Of the file system that images lie on.
struct DiskSpace {
  int64_t capacity = 0, available = 0;
};

class ImageCollector {
 public:
  struct Hooks {
    // An event on the Node.
    std::function<void(std::string_view type, std::string_view reason, std::string_view message)>
        event = [](auto...) {};
    std::function<void(std::string_view reason)> collected = [](auto) {};  // "age" or "space"
    // Space on the file system at a path; statvfs unless a test says otherwise.
    std::function<absl::StatusOr<DiskSpace>(const std::string& path)> disk;
  };
  ImageCollector(CollectionPolicy policy, cri::Runtime& runtime, ImageLeases& leases,
                 base::Executor& executor, base::Clock& clock, Hooks hooks);

  void Start();
  void Stop();

  // One round. The error is what the event ImageGCFailed shows.
  absl::Status Collect();
  // Every image that nothing uses, whatever its age. The bytes that this freed.
  absl::StatusOr<int64_t> FreeAllUnused();
  // Where the runtime keeps images; "" until it has said so.
  absl::StatusOr<std::string> ImageFolder();

 private:
  void Tick();
  absl::Status Look(absl::Time now) BERTH_REQUIRES(round_);
  absl::StatusOr<std::set<std::string, std::less<>>> NamesInUse();
  std::string SandboxImage();
  absl::Status Remove(const SeenImage& image, std::string_view reason, int64_t& freed)
      BERTH_REQUIRES(round_);
  absl::StatusOr<int64_t> FreeSpace(int64_t bytes, absl::Time now, bool whatever_age)
      BERTH_REQUIRES(round_);

  const CollectionPolicy policy_;
  cri::Runtime& runtime_;
  ImageLeases& leases_;
  base::Clock& clock_;
  const Hooks hooks_;
  const absl::Time began_;
  // One round at a time: it is held during calls to the runtime, which nobody else waits for.
  base::Mutex round_;
  std::vector<SeenImage> images_ BERTH_GUARDED_BY(round_);
  ImageHistories history_ BERTH_GUARDED_BY(round_);
  bool failed_before_ = false;  // of Tick() alone
  base::KeyedQueue queue_;      // last
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_IMAGES_IMAGE_COLLECTOR_H_
