// SPDX-License-Identifier: Apache-2.0
// What a Node says about this machine: pure functions of the configuration and what was observed.
#ifndef BERTH_AGENT_NODE_NODE_STATUS_H_
#define BERTH_AGENT_NODE_NODE_STATUS_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/config/kubelet_config.h"
#include "agent/eviction/signals.h"
#include "agent/node/system_facts.h"

namespace berth::api::core::v1 {
class Node;
class NodeStatus;
}  // namespace berth::api::core::v1

namespace berth::agent {

// What stays the same while the daemon runs.
struct NodeIdentity {
  std::string name;
  std::vector<std::string> addresses;         // the main one first
  std::map<std::string, std::string> labels;  // of --node-labels
  std::string kubelet_version;
  bool external_cloud = false;   // addresses and readiness are another controller's
  std::string provided_node_ip;  // of --node-ip, for that controller
  SystemFacts facts;
};

struct RuntimeSeen {
  absl::Status reachable = absl::UnavailableError("not asked yet");
  std::string name, version;
  bool runtime_ready = false, network_ready = false;
  std::string runtime_reason, runtime_message, network_reason, network_message;
  struct Handler {
    std::string name;
    bool recursive_read_only_mounts = false, user_namespaces = false;
    bool operator==(const Handler&) const = default;
  };
  std::vector<Handler> handlers;
  bool supplemental_groups_policy = false;
  bool operator==(const RuntimeSeen&) const = default;
};

struct ImageSeen {
  std::vector<std::string> names;
  int64_t bytes = 0;
};

struct NodeObservation {
  RuntimeSeen runtime;
  FilesystemSize node_filesystem;
  MemoryNow memory;
  PidsNow pids;
  std::vector<ImageSeen> images;
  absl::Status pods_health;  // of the pod workers
  Pressures pressures;       // as eviction sees them
};

// Labels, annotations, taints and spec of a new Node, without status.
api::core::v1::Node MakeNode(const NodeIdentity& identity, const KubeletConfig& config);

// The status as it is now. `before` gives the times of transitions, and what others wrote.
api::core::v1::NodeStatus MakeNodeStatus(const NodeIdentity& identity, const KubeletConfig& config,
                                         const NodeObservation& seen,
                                         const api::core::v1::NodeStatus& before, absl::Time now);

// True when something other than a heartbeat's time differs.
bool StatusDiffers(const api::core::v1::NodeStatus& a, const api::core::v1::NodeStatus& b);

// The strategic merge patch (JSON) that leads from `before` to `after`; conditions are always in
// it.
std::string StatusPatch(const api::core::v1::NodeStatus& before,
                        const api::core::v1::NodeStatus& after);

// What the daemon owns in a Node that already exists: labels and one annotation. "" when it is so.
std::string MetadataPatch(const api::core::v1::Node& existing, const api::core::v1::Node& wanted);

// The events that the way from `before` to `after` deserves: "NodeReady" and so on.
std::vector<std::string> TransitionEvents(const api::core::v1::NodeStatus& before,
                                          const api::core::v1::NodeStatus& after);

bool IsReady(const api::core::v1::NodeStatus& status);

}  // namespace berth::agent

#endif  // BERTH_AGENT_NODE_NODE_STATUS_H_
