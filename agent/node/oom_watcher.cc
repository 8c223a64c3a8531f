// SPDX-License-Identifier: Apache-2.0
#include "agent/node/oom_watcher.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {

std::optional<SystemOom> ParseOomRecord(std::string_view record) {
  // "6,1234,5678,-;oom-kill:constraint=CONSTRAINT_NONE,...,global_oom,...,task=tail,pid=12,uid=0"
  const size_t text = record.find(';');
  if (text == record.npos) return std::nullopt;
  record = record.substr(text + 1);
  record = record.substr(0, record.find('\n'));  // further lines are about devices
  if (!record.starts_with("oom-kill:")) return std::nullopt;
  if (record.find(",global_oom,") == record.npos) return std::nullopt;
  // A process may call itself anything; what the kernel adds comes after its name.
  const size_t task = record.find(",task=");
  const size_t pid = record.rfind(",pid=");
  if (task == record.npos || pid == record.npos || pid < task) return std::nullopt;
  SystemOom oom;
  oom.process = std::string(record.substr(task + 6, pid - task - 6));
  const std::string_view number = record.substr(pid + 5);
  const auto parsed = base::ParseInt<int64_t>(number.substr(0, number.find(',')));
  if (!parsed.has_value()) return std::nullopt;
  oom.pid = *parsed;
  return oom;
}

absl::StatusOr<std::unique_ptr<OomWatcher>> OomWatcher::Start(const std::string& path,
                                                              Callback callback) {
  kernel::UniqueFd log(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!log.valid()) return base::FromErrno(errno, path);
  lseek(log.get(), 0, SEEK_END);  // a pipe has no past
  kernel::UniqueFd wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake.valid()) return base::FromErrno(errno, "eventfd");
  return std::unique_ptr<OomWatcher>(
      new OomWatcher(std::move(log), std::move(wake), std::move(callback)));
}

OomWatcher::OomWatcher(kernel::UniqueFd log, kernel::UniqueFd wake, Callback callback)
    : log_(std::move(log)), wake_(std::move(wake)), callback_(std::move(callback)) {
  pool_.Post([this] { Run(); });
}

OomWatcher::~OomWatcher() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof(one));
}

void OomWatcher::Run() {
  std::array<char, 8192> record;  // the kernel's longest
  while (true) {
    std::array<pollfd, 2> fds{pollfd{log_.get(), POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
    if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
    if (fds[1].revents != 0) return;
    while (true) {
      const ssize_t got = read(log_.get(), record.data(), record.size());
      if (got > 0) {
        if (const auto oom = ParseOomRecord({record.data(), static_cast<size_t>(got)})) {
          callback_(*oom);
        }
        continue;
      }
      if (got < 0 && errno == EAGAIN) break;
      // Records that were overwritten before they were read.
      if (got < 0 && (errno == EPIPE || errno == EINTR)) continue;
      BERTH_WARNING("the kernel's log cannot be read any more", {"errno", errno});
      return;
    }
  }
}

}  // namespace berth::agent
