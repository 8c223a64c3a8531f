// SPDX-License-Identifier: Apache-2.0
// What the node keeps on disk for a pod besides its volumes: its directories, /etc/hosts, a file
// per container for its last words, the log directory. Everything is rooted at given paths.
// Stateless; calls for one pod must not overlap.
#ifndef BERTH_AGENT_SYNC_POD_FILES_H_
#define BERTH_AGENT_SYNC_POD_FILES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/sync/container_config.h"
#include "agent/volumes/pod_volumes.h"

namespace berth::api::core::v1 {
class VolumeMount;
}

namespace berth::agent {

class PodFiles {
 public:
  struct Paths {
    std::string root_dir;
    std::string pod_logs_dir;
    std::string container_logs_dir;  // "" for none
    std::string cluster_domain;
    std::string host_hosts_file = "/etc/hosts";
  };
  explicit PodFiles(Paths paths) : paths_(std::move(paths)) {}

  // ROOT/pods/<uid>/{volumes,plugins,containers} and the log directory. Idempotent.
  absl::Status MakeDirs(const api::core::v1::Pod& pod) const;
  // Every mount of the container: its volumes, /etc/hosts, the termination log. `expand` does
  // $(VAR) in subPathExpr. Errors are the pod's fault and name the mount.
  absl::StatusOr<std::vector<HostMount>> Mounts(
      const api::core::v1::Pod& pod, const api::core::v1::Container& container, int restart_count,
      const MountedVolumes& mounted, PodVolumes& volumes, const std::vector<std::string>& pod_ips,
      const std::vector<std::pair<std::string, std::string>>& env) const;
  // The symlink <container_logs_dir>/<pod>_<ns>_<container>-<id>.log that log collectors follow.
  void LinkLog(const api::core::v1::Pod& pod, std::string_view container, std::string_view id,
               int restart_count) const;
  // The log of a removed instance, rotated ones too, and links that lead nowhere.
  void RemoveLog(std::string_view log_path) const;
  // The pod's directory (volumes must be unmounted) and its logs.
  absl::Status RemovePod(std::string_view namespace_, std::string_view name,
                         std::string_view uid) const;
  std::vector<std::string> ListPodDirs() const;
  // Whose logs are there, also of pods that have nothing else.
  struct LogOwner {
    std::string namespace_;
    std::string name;
    std::string uid;
  };
  std::vector<LogOwner> ListLogDirs() const;
  void RemoveLogs(const LogOwner& pod) const;

 private:
  absl::StatusOr<std::string> WriteHosts(const api::core::v1::Pod& pod,
                                         const std::vector<std::string>& pod_ips) const;
  std::string PodDir(std::string_view uid) const;

  const Paths paths_;
};

// The text of the /etc/hosts that the pod gets. `host_text` is the node's own, for host-network
// pods.
std::string HostsText(const api::core::v1::Pod& pod, const std::vector<std::string>& pod_ips,
                      std::string_view cluster_domain, std::string_view host_text);

}  // namespace berth::agent

#endif  // BERTH_AGENT_SYNC_POD_FILES_H_
