// SPDX-License-Identifier: Apache-2.0
// Folders and files that are watched for changes, all through one inotify instance: hosts allow a
// process's user only a few (fs.inotify.max_user_instances). A callback says no more than "look
// again"; it runs on the thread that is in Run() and must be short. Watches are hints: somebody who
// must not miss a change also looks from time to time. Thread-safe.
#ifndef BERTH_KERNEL_INOTIFY_H_
#define BERTH_KERNEL_INOTIFY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "kernel/fd.h"

namespace berth::kernel {

class Inotify {
 public:
  using Callback = std::function<void()>;
  using Id = uint64_t;

  // ResourceExhausted when the host allows no further instance.
  static absl::StatusOr<std::unique_ptr<Inotify>> Make();

  // Called after entries of the folder (or the file itself) were made, written and closed, renamed
  // or removed, and once when the path itself goes, which ends the watch. NotFound: no such path.
  absl::StatusOr<Id> Watch(const std::string& path, Callback callback);
  // Called when the file is written to, at once and not after closing; that ends the watch, so a
  // busy file costs no more than a call per watch. May be called twice.
  absl::StatusOr<Id> WatchOnce(const std::string& path, Callback callback);
  // False when that watch has ended by itself.
  bool Watching(Id id) const;
  // A callback that runs at this moment is not waited for.
  void Unwatch(Id id);

  // Hands out changes until Stop().
  void Run();
  void Stop();

 private:
  Inotify(UniqueFd fd, UniqueFd wake) : fd_(std::move(fd)), wake_(std::move(wake)) {}
  absl::StatusOr<Id> Add(const std::string& path, uint32_t mask, Callback callback);
  void Dispatch(int descriptor, uint32_t mask);

  struct Entry {
    int descriptor;
    Callback callback;
  };
  const UniqueFd fd_;
  const UniqueFd wake_;  // an eventfd
  mutable base::Mutex mu_;
  std::map<Id, Entry> entries_ BERTH_GUARDED_BY(mu_);
  Id last_id_ BERTH_GUARDED_BY(mu_) = 0;
};

}  // namespace berth::kernel

#endif  // BERTH_KERNEL_INOTIFY_H_
