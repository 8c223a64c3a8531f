// SPDX-License-Identifier: Apache-2.0
#include "controlplane/scheduler/cluster_snapshot.h"

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "controlplane/controllers/ownership.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Pod;

void Account(const PlacedPod& placed, NodeState& state) {
  state.requested.Add(placed.requests);
  state.typical.Add(placed.typical);
  for (HostPort& port : HostPortsOf(*placed.pod)) state.ports.insert(std::move(port));
  ++state.per_owner[std::string(ControllerUid(placed.pod->metadata()))];
}

void Release(const PlacedPod& placed, NodeState& state) {
  state.requested.Subtract(placed.requests);
  state.typical.Subtract(placed.typical);
  for (const HostPort& port : HostPortsOf(*placed.pod)) {
    if (const auto it = state.ports.find(port); it != state.ports.end()) state.ports.erase(it);
  }
  const auto owner = state.per_owner.find(ControllerUid(placed.pod->metadata()));
  if (owner != state.per_owner.end() && --owner->second == 0) state.per_owner.erase(owner);
}

bool HasAffinity(const Pod& pod) {
  const auto& affinity = pod.spec().affinity();
  return affinity.has_pod_affinity() || affinity.has_pod_anti_affinity();
}

bool KeepsOthersAway(const Pod& pod) {
  return pod.spec()
             .affinity()
             .pod_anti_affinity()
             .required_during_scheduling_ignored_during_execution_size() > 0;
}

}  // namespace

std::vector<HostPort> HostPortsOf(const Pod& pod) {
  std::vector<HostPort> ports;
  const auto collect = [&](const auto& containers, bool only_sidecars) {
    for (const auto& container : containers) {
      if (only_sidecars && container.restart_policy() != "Always") continue;
      for (const auto& port : container.ports()) {
        if (port.host_port() <= 0) continue;
        ports.push_back({port.host_port(), port.protocol().empty() ? "TCP" : port.protocol(),
                         port.host_ip().empty() ? "0.0.0.0" : port.host_ip()});
      }
    }
  };
  collect(pod.spec().init_containers(), true);
  collect(pod.spec().containers(), false);
  return ports;
}

std::string_view NodeState::name() const { return node->metadata().name(); }

void ClusterSnapshot::SetNode(NodePtr node) {
  NodeState& state = nodes_[node->metadata().name()];
  state.allocatable = AllocatableOf(*node);
  state.node = std::move(node);
}

void ClusterSnapshot::RemoveNode(std::string_view name) {
  const auto it = nodes_.find(name);
  if (it == nodes_.end()) return;
  it->second.node = nullptr;
  if (it->second.pods.empty()) nodes_.erase(it);
}

void ClusterSnapshot::Place(PodPtr pod, std::string_view node_name) {
  const std::string& uid = pod->metadata().uid();
  Remove(uid);
  PlacedPod placed{pod, RequestsOf(*pod, Missing::kZero), RequestsOf(*pod, Missing::kTypical)};
  NodeState& state = nodes_[std::string(node_name)];
  Account(placed, state);
  state.pods.insert_or_assign(uid, std::move(placed));
  where_[uid] = std::string(node_name);
  if (KeepsOthersAway(*pod)) guarded_.insert(uid);
  if (HasAffinity(*pod)) sociable_.insert(uid);
}

void ClusterSnapshot::Remove(std::string_view uid) {
  const auto at = where_.find(uid);
  if (at == where_.end()) return;
  const auto node = nodes_.find(at->second);
  const auto pod = node->second.pods.find(uid);
  Release(pod->second, node->second);
  node->second.pods.erase(pod);
  if (node->second.node == nullptr && node->second.pods.empty()) nodes_.erase(node);
  if (const auto it = guarded_.find(uid); it != guarded_.end()) guarded_.erase(it);
  if (const auto it = sociable_.find(uid); it != sociable_.end()) sociable_.erase(it);
  where_.erase(at);
}

void ClusterSnapshot::SetNamespaceLabels(std::string_view name,
                                         std::map<std::string, std::string> labels) {
  namespaces_.insert_or_assign(std::string(name), std::move(labels));
}

void ClusterSnapshot::RemoveNamespace(std::string_view name) {
  if (const auto it = namespaces_.find(name); it != namespaces_.end()) namespaces_.erase(it);
}

std::vector<const NodeState*> ClusterSnapshot::Nodes() const {
  std::vector<const NodeState*> nodes;
  for (const auto& [name, state] : nodes_) {
    if (state.node != nullptr) nodes.push_back(&state);
  }
  return nodes;
}

const NodeState* ClusterSnapshot::Find(std::string_view name) const {
  const auto it = nodes_.find(name);
  return it == nodes_.end() || it->second.node == nullptr ? nullptr : &it->second;
}

std::string_view ClusterSnapshot::NodeOf(std::string_view uid) const {
  const auto it = where_.find(uid);
  return it == where_.end() ? std::string_view() : std::string_view(it->second);
}

const std::map<std::string, std::string>& ClusterSnapshot::NamespaceLabels(
    std::string_view name) const {
  static const std::map<std::string, std::string> kNone;
  const auto it = namespaces_.find(name);
  return it == namespaces_.end() ? kNone : it->second;
}

}  // namespace berth::controlplane
