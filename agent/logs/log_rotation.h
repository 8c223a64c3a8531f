// SPDX-License-Identifier: Apache-2.0
// Keeps the logs of running containers small: a log that has reached its size is renamed, the
// runtime begins a new one, older ones are compressed or removed.
//
// Nobody polls. A quiet log has an inotify watch that fires once; what was written to is looked at
// after at most a second (sooner when it grows so fast that it would be full by then) and watched
// again. So a log is at most a second's writes larger than it should be, and an idle one costs
// nothing. Where no watch can be had, logs are looked at each monitor interval. Thread-safe.
#ifndef BERTH_AGENT_LOGS_LOG_ROTATION_H_
#define BERTH_AGENT_LOGS_LOG_ROTATION_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/observe/observation.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/keyed_queue.h"
#include "base/mutex.h"
#include "cri/runtime.h"
#include "kernel/inotify.h"

namespace berth::agent {

class LogRotation {
 public:
  struct Options {
    int64_t max_size = 10 << 20;
    int max_files = 5;
    absl::Duration monitor_interval = absl::Seconds(10);
    absl::Duration call_timeout = absl::Minutes(2);
  };
  // `inotify` may be null. All outlive this.
  LogRotation(Options options, cri::Runtime& runtime, kernel::Inotify* inotify,
              base::Executor& executor, base::Clock& clock);

  // What is known of a pod now: its running containers' logs are kept small from here on.
  void Observed(const PodObservation& seen);
  void Stop();

 private:
  struct Log {
    std::string container_id;
    std::string path;
    bool armed = false;             // a watch will tell of the next write
    kernel::Inotify::Id watch = 0;  // the last one; 0: none
    int64_t size = -1;              // when last looked at; -1: never
    absl::Time at;
    double bytes_per_second = 0;
  };
  void Handle(const std::string& key);
  void Arm(const std::string& key, const std::string& path);
  void WrittenTo(const std::string& key);
  // Until a log that was written to is looked at.
  absl::Duration Pause(const Log& log) const;
  absl::Status Rotate(const Log& log);
  absl::Status Clean(const std::string& path);
  void Disarm(const std::string& key);
  void Drop(const std::string& key);

  const Options options_;
  cri::Runtime& runtime_;
  kernel::Inotify* const inotify_;
  base::Clock& clock_;
  base::Mutex mu_;
  std::map<std::string, Log, std::less<>> logs_ BERTH_GUARDED_BY(mu_);  // "uid|container id"
  base::KeyedQueue queue_;  // last: ends first, its handlers use the rest
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_LOGS_LOG_ROTATION_H_
