// SPDX-License-Identifier: Apache-2.0
// Notices when the kernel ends a process because the whole node, not only a group, has no memory
// left. What happened before the start is not told again.
#ifndef BERTH_AGENT_NODE_OOM_WATCHER_H_
#define BERTH_AGENT_NODE_OOM_WATCHER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/executor.h"
#include "kernel/fd.h"

namespace berth::agent {

struct SystemOom {
  std::string process;
  int64_t pid = 0;
};
// Of a record of /dev/kmsg; nothing when it is about something else, or about a group's own limit.
std::optional<SystemOom> ParseOomRecord(std::string_view record);

class OomWatcher {
 public:
  using Callback = std::function<void(const SystemOom& oom)>;
  // `path` is /dev/kmsg, of which each read gives one record. PermissionDenied without the right to
  // read the kernel's log.
  static absl::StatusOr<std::unique_ptr<OomWatcher>> Start(const std::string& path,
                                                           Callback callback);
  ~OomWatcher();  // no callback runs afterwards

 private:
  OomWatcher(kernel::UniqueFd log, kernel::UniqueFd wake, Callback callback);
  void Run();

  const kernel::UniqueFd log_, wake_;
  const Callback callback_;
  base::ThreadPool pool_{"oom-watcher", 1};  // last: it waits for Run
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_NODE_OOM_WATCHER_H_
