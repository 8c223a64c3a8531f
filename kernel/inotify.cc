// SPDX-License-Identifier: Apache-2.0
#include "kernel/inotify.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/status.h"

namespace berth::kernel {
namespace {

// A file counts once it has been closed; a link and a rename make no such event.
constexpr uint32_t kChanges = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                              IN_DELETE_SELF | IN_MOVE_SELF;

}  // namespace

absl::StatusOr<std::unique_ptr<Inotify>> Inotify::Make() {
  UniqueFd fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd.valid()) {
    if (errno == EMFILE) {
      return base::MakeStatus(absl::StatusCode::kResourceExhausted,
                              "no inotify instance left; see fs.inotify.max_user_instances");
    }
    return base::FromErrno(errno, "inotify");
  }
  UniqueFd wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake.valid()) return base::FromErrno(errno, "eventfd");
  return std::unique_ptr<Inotify>(new Inotify(std::move(fd), std::move(wake)));
}

absl::StatusOr<Inotify::Id> Inotify::Watch(const std::string& path, Callback callback) {
  return Add(path, kChanges, std::move(callback));
}

absl::StatusOr<Inotify::Id> Inotify::WatchOnce(const std::string& path, Callback callback) {
  return Add(path, IN_MODIFY | IN_ONESHOT, std::move(callback));
}

absl::StatusOr<Inotify::Id> Inotify::Add(const std::string& path, uint32_t mask,
                                         Callback callback) {
  base::MutexLock lock(mu_);
  // A path that is watched already has its descriptor.
  const int descriptor = inotify_add_watch(fd_.get(), path.c_str(), mask);
  if (descriptor < 0) return base::FromErrno(errno, base::StrCat("watching ", path));
  const Id id = ++last_id_;
  entries_.emplace(id, Entry{descriptor, std::move(callback)});
  return id;
}

bool Inotify::Watching(Id id) const {
  base::MutexLock lock(mu_);
  return entries_.contains(id);
}

void Inotify::Unwatch(Id id) {
  base::MutexLock lock(mu_);
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  const int descriptor = it->second.descriptor;
  entries_.erase(it);
  const bool shared = std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) {
    return entry.second.descriptor == descriptor;
  });
  if (!shared) inotify_rm_watch(fd_.get(), descriptor);
}

void Inotify::Dispatch(int descriptor, uint32_t mask) {
  std::vector<Callback> callbacks;
  {
    base::MutexLock lock(mu_);
    for (auto it = entries_.begin(); it != entries_.end();) {
      // An overflow lost events of anybody.
      if (it->second.descriptor == descriptor || (mask & IN_Q_OVERFLOW) != 0) {
        callbacks.push_back(it->second.callback);
      }
      const bool over = it->second.descriptor == descriptor && (mask & IN_IGNORED) != 0;
      it = over ? entries_.erase(it) : std::next(it);
    }
    // What was moved away is another path now.
    if ((mask & IN_MOVE_SELF) != 0) inotify_rm_watch(fd_.get(), descriptor);
  }
  for (const Callback& callback : callbacks) callback();
}

void Inotify::Run() {
  alignas(inotify_event) char buffer[16 * 1024];
  while (true) {
    pollfd fds[2] = {{fd_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[1].revents != 0) return;
    const ssize_t got = read(fd_.get(), buffer, sizeof(buffer));
    for (ssize_t at = 0; at < got;) {
      inotify_event event;
      std::memcpy(&event, buffer + at, sizeof(event));
      Dispatch(event.wd, event.mask);
      at += static_cast<ssize_t>(sizeof(event) + event.len);
    }
  }
}

void Inotify::Stop() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof(one));
}

}  // namespace berth::kernel
