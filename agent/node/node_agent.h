// SPDX-License-Identifier: Apache-2.0
// This node's life in the API: registers its Node, renews its lease, reports its status, hands the
// pod CIDR to the runtime. Level-triggered: every part is a key of one queue and may run again at
// any time. Thread-safe.
#ifndef BERTH_AGENT_NODE_NODE_AGENT_H_
#define BERTH_AGENT_NODE_NODE_AGENT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "agent/config/kubelet_config.h"
#include "agent/node/node_status.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/strings.h"

namespace berth::client {
class ApiClient;
}
namespace berth::cri {
class Runtime;
}

namespace berth::agent {

struct NodeAgentParts {
  client::ApiClient* api = nullptr;  // null: standalone, nothing is registered
  cri::Runtime* runtime = nullptr;
  base::Clock* clock = nullptr;
  base::Executor* executor = nullptr;  // handlers block on calls: two threads keep them apart
  std::string root_dir;                // whose filesystem is the node's
  std::string system_root = "/";       // where /proc is
  std::function<absl::Status()> pods_health = [] { return absl::OkStatus(); };
  std::function<Pressures()> pressures = [] { return Pressures(); };
  // The runtime's network became ready.
  std::function<void()> network_ready = [] {};
  // An event on the Node: "Normal", "NodeReady", "Node n status is now: NodeReady".
  std::function<void(std::string_view type, std::string_view reason, std::string_view message)>
      record = [](auto...) {};
};

class NodeAgent {
 public:
  NodeAgent(NodeIdentity identity, const KubeletConfig& config, NodeAgentParts parts);
  ~NodeAgent();

  void Start();
  // Handlers that run are waited for; nothing starts afterwards.
  void Stop();

  // The Node as the API last gave it; nullptr before.
  std::shared_ptr<const api::core::v1::Node> node() const;
  // The Node as it would be registered now: what a node without an API goes by.
  std::shared_ptr<const api::core::v1::Node> InitialNode() const;
  // The Node in the API changed (from the watch); nullptr when it was deleted.
  void NodeChanged(std::shared_ptr<const api::core::v1::Node> node);
  // The status may have changed: look now, not at the next tick.
  void Poke();

  bool registered() const;
  bool ready() const;  // what was last reported
  RuntimeSeen runtime() const;
  base::StringMap<std::string> Allocatable() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_NODE_NODE_AGENT_H_
