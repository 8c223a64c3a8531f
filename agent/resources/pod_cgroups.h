// SPDX-License-Identifier: Apache-2.0
// The cgroups of pods: kubepods, its two QoS groups, one group per pod with the pod's limits. The
// runtime puts the containers below it. With cgroup management off every call succeeds and does
// nothing. Thread-safe.
#ifndef BERTH_AGENT_RESOURCES_POD_CGROUPS_H_
#define BERTH_AGENT_RESOURCES_POD_CGROUPS_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/resources/quantities.h"
#include "base/mutex.h"
#include "cgroups/groups.h"

namespace berth::agent {

enum class CgroupDriver { kCgroupfs, kSystemd };

// "/kubepods/burstable/pod<uid>", or "kubepods-burstable-pod<uid_>.slice" for systemd: what the
// runtime takes as a sandbox's cgroup_parent.
std::string CgroupParentFor(CgroupDriver driver, std::string_view root, QosClass qos,
                            std::string_view uid);
// The path below the mount points that this is.
std::string CgroupPathFor(CgroupDriver driver, std::string_view root, QosClass qos,
                          std::string_view uid);
// The uid of the pod whose group has this name below its QoS group; nothing for other groups.
std::optional<std::string> PodUidOf(CgroupDriver driver, std::string_view group);

class PodCgroups {
 public:
  struct Options {
    std::string root = "/";
    int64_t pids_limit = -1;
    bool cpu_quota = true;
    CgroupDriver driver = CgroupDriver::kCgroupfs;  // of which `groups` is
  };
  // Null groups: cgroup management is off.
  PodCgroups(std::unique_ptr<cgroups::Groups> groups, Options options);

  // Makes kubepods with the node's allocatable as its limits, and the QoS groups.
  absl::Status Prepare(const Amounts& allocatable);
  // Makes or adjusts the pod's group and the QoS group's share; the cgroup_parent of its sandbox,
  // "" with management off.
  absl::StatusOr<std::string> EnsurePod(const api::core::v1::Pod& pod);
  // Wherever it is. FailedPrecondition while its processes are dying: call again.
  absl::Status RemovePod(std::string_view uid);
  // Of the pod's group, of kubepods for "". FailedPrecondition with management off.
  absl::StatusOr<cgroups::Usage> UsageOf(std::string_view uid) const;
  // Pods that have a group.
  std::vector<std::string> ListPods() const;

 private:
  absl::Status ShareQos();

  std::string PathOf(QosClass qos) const;

  const std::unique_ptr<cgroups::Groups> groups_;
  const Options options_;
  base::Mutex mu_;
  std::map<std::string, int64_t, std::less<>> burstable_milli_ BERTH_GUARDED_BY(mu_);  // by uid
  std::map<std::string, cgroups::Limits, std::less<>> applied_ BERTH_GUARDED_BY(mu_);
  uint64_t burstable_shares_ BERTH_GUARDED_BY(mu_) = 0;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_RESOURCES_POD_CGROUPS_H_
