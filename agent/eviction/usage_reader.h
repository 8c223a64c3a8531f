// SPDX-License-Identifier: Apache-2.0
// Measures what is left on the node and what pods use. The node's signals are a few system calls
// and files of /proc, read each second; pods are measured when somebody has to go, or has limits.
// Thread-safe.
#ifndef BERTH_AGENT_EVICTION_USAGE_READER_H_
#define BERTH_AGENT_EVICTION_USAGE_READER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/eviction/pod_usage.h"
#include "agent/eviction/signals.h"
#include "base/mutex.h"
#include "cgroups/groups.h"
#include "cri/runtime.h"

namespace berth::api::core::v1 {
class Pod;
}

namespace berth::agent {

class UsageReader {
 public:
  struct Options {
    std::string root_dir;
    std::string pod_logs_dir;
    std::string system_root = "/";
    absl::Duration call_timeout = absl::Minutes(2);
  };
  // Of a pod's group, and of kubepods for ""; an error when groups are not managed here.
  using GroupUsage = std::function<absl::StatusOr<cgroups::Usage>(const std::string& uid)>;
  UsageReader(Options options, cri::Runtime& runtime, GroupUsage groups,
              std::function<int64_t()> pods_memory_limit);

  // Which file systems there are; asked of the runtime until it has said so.
  DiskLayout Disks();
  SignalValues ReadSignals();

  using Pods = std::vector<std::shared_ptr<const api::core::v1::Pod>>;
  // By uid. One question to the runtime for all of them, a walk over the files of each.
  std::map<std::string, PodUse> Measure(const Pods& pods);

 private:
  struct Folders {
    std::string images, containers;
  };
  // Empty until the runtime answers.
  Folders Ask();

  const Options options_;
  cri::Runtime& runtime_;
  const GroupUsage groups_;
  const std::function<int64_t()> pods_memory_limit_;
  base::Mutex mu_;
  Folders folders_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_EVICTION_USAGE_READER_H_
