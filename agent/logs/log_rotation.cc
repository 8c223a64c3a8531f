// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/log_rotation.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include "agent/logs/gzip_file.h"
#include "agent/logs/rotation_plan.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kLongestPause = absl::Seconds(1);
constexpr absl::Duration kShortestPause = absl::Milliseconds(50);

std::vector<std::string> NamesIn(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  return names;
}

// -1: it is not there.
int64_t SizeOf(const std::string& path) {
  struct stat st {};
  return stat(path.c_str(), &st) == 0 ? st.st_size : -1;
}

}  // namespace

LogRotation::LogRotation(Options options, cri::Runtime& runtime, kernel::Inotify* inotify,
                         base::Executor& executor, base::Clock& clock)
    : options_(options),
      runtime_(runtime),
      inotify_(inotify),
      clock_(clock),
      queue_(executor, clock, [this](const std::string& key) { Handle(key); }) {}

void LogRotation::Observed(const PodObservation& seen) {
  const std::string prefix = base::StrCat(seen.uid, "|");
  std::vector<std::string> added;
  std::vector<kernel::Inotify::Id> over;
  {
    base::MutexLock l(mu_);
    std::set<std::string_view> running;
    for (const auto& container : seen.containers) {
      if (container.phase != ContainerPhase::kRunning || container.log_path.empty()) continue;
      running.insert(container.id);
      std::string key = prefix + container.id;
      const auto [it, is_new] = logs_.try_emplace(key);
      if (!is_new) continue;
      it->second.container_id = container.id;
      it->second.path = container.log_path;
      added.push_back(std::move(key));
    }
    for (auto it = logs_.lower_bound(prefix); it != logs_.end() && it->first.starts_with(prefix);) {
      if (running.contains(it->second.container_id)) {
        ++it;
        continue;
      }
      if (it->second.watch != 0) over.push_back(it->second.watch);
      it = logs_.erase(it);
    }
  }
  for (const auto id : over) inotify_->Unwatch(id);
  for (const auto& key : added) queue_.Add(key);
}

void LogRotation::Stop() {
  queue_.Stop();
  std::map<std::string, Log, std::less<>> logs;
  {
    base::MutexLock l(mu_);
    logs.swap(logs_);
  }
  for (const auto& [key, log] : logs) {
    if (log.watch != 0) inotify_->Unwatch(log.watch);
  }
}

absl::Duration LogRotation::Pause(const Log& log) const {
  if (log.bytes_per_second <= 0) return kLongestPause;
  const double left = static_cast<double>(options_.max_size - log.size);
  return std::clamp(absl::Seconds(left / log.bytes_per_second), kShortestPause, kLongestPause);
}

void LogRotation::WrittenTo(const std::string& key) {
  absl::Duration pause;
  {
    base::MutexLock l(mu_);
    const auto it = logs_.find(key);
    if (it == logs_.end()) return;
    it->second.armed = false;
    pause = Pause(it->second);
  }
  queue_.AddAfter(key, pause);
}

void LogRotation::Arm(const std::string& key, const std::string& path) {
  if (inotify_ == nullptr) return;
  {
    base::MutexLock l(mu_);
    const auto it = logs_.find(key);
    if (it == logs_.end() || std::exchange(it->second.armed, true)) return;
  }
  const auto id = inotify_->WatchOnce(path, [this, key] { WrittenTo(key); });
  {
    base::MutexLock l(mu_);
    if (const auto it = logs_.find(key); it != logs_.end()) {
      if (id.ok()) it->second.watch = *id;
      if (!id.ok()) it->second.armed = false;
      return;
    }
  }
  if (id.ok()) inotify_->Unwatch(*id);
}

void LogRotation::Disarm(const std::string& key) {
  kernel::Inotify::Id watch = 0;
  {
    base::MutexLock l(mu_);
    const auto it = logs_.find(key);
    if (it == logs_.end()) return;
    watch = std::exchange(it->second.watch, 0);
    it->second.armed = false;
    it->second.size = 0;
  }
  if (watch != 0) inotify_->Unwatch(watch);
}

void LogRotation::Handle(const std::string& key) {
  Log log;
  {
    base::MutexLock l(mu_);
    const auto it = logs_.find(key);
    if (it == logs_.end()) return;
    log = it->second;
  }
  // Watched first and read then: no write falls in between.
  Arm(key, log.path);
  if (log.size < 0) {
    if (const absl::Status status = Clean(log.path); !status.ok()) {
      BERTH_WARNING("old logs stay", {"path", log.path}, {"error", status});
    }
  }
  const int64_t size = SizeOf(log.path);
  const absl::Time now = clock_.Now();
  bool watched = false;  // or it was just written to: looked at again soon
  {
    base::MutexLock l(mu_);
    const auto it = logs_.find(key);
    if (it == logs_.end()) return;
    Log& known = it->second;
    const double seconds = absl::ToDoubleSeconds(now - known.at);
    if (known.size >= 0 && size > known.size && seconds > 0) {
      known.bytes_per_second = static_cast<double>(size - known.size) / seconds;
    }
    known.size = std::max<int64_t>(0, size);
    known.at = now;
    watched = known.armed;
  }
  if (size >= 0 && size < options_.max_size) {
    if (!watched) queue_.AddAfter(key, options_.monitor_interval);
    return;
  }
  if (const absl::Status status = Rotate(log); !status.ok()) {
    if (absl::IsNotFound(status)) return Drop(key);
    BERTH_WARNING("rotating a log failed", {"path", log.path}, {"error", status});
    queue_.AddAfter(key, options_.monitor_interval);
    return;
  }
  Disarm(key);
  queue_.Add(key);  // the new file is to be watched
}

absl::Status LogRotation::Rotate(const Log& log) {
  const fs::path path(log.path);
  const std::string rotated =
      path.parent_path() /
      RotatedName(NamesIn(path.parent_path()), path.filename().string(), clock_.Now());
  const bool renamed = rename(log.path.c_str(), rotated.c_str()) == 0;
  if (!renamed && errno != ENOENT) return base::FromErrno(errno, "renaming");
  cri::v1::ReopenContainerLogRequest request;
  request.set_container_id(log.container_id);
  cri::v1::ReopenContainerLogResponse response;
  const absl::Status reopened =
      runtime_.ReopenContainerLog(request, response, options_.call_timeout);
  if (!reopened.ok()) {
    // The runtime still writes to the file: it gets its name back, unless a new one is there.
    if (renamed && SizeOf(log.path) < 0) rename(rotated.c_str(), log.path.c_str());
    return reopened;
  }
  return Clean(log.path);
}

absl::Status LogRotation::Clean(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  const CleaningPlan plan =
      PlanCleaning(NamesIn(folder), fs::path(path).filename().string(), options_.max_files);
  for (const std::string& name : plan.remove) {
    const std::string file = folder / name;
    if (unlink(file.c_str()) != 0 && errno != ENOENT) return base::FromErrno(errno, file);
  }
  for (const std::string& name : plan.compress) RETURN_IF_ERROR(GzipFile(folder / name));
  return absl::OkStatus();
}

void LogRotation::Drop(const std::string& key) {
  Disarm(key);
  base::MutexLock l(mu_);
  logs_.erase(key);
}

}  // namespace berth::agent
