// SPDX-License-Identifier: Apache-2.0
// What the scheduler decides from: each node with the pods on it, sums kept up as pods come and go.
// One thread at a time.
#ifndef BERTH_CONTROLPLANE_SCHEDULER_CLUSTER_SNAPSHOT_H_
#define BERTH_CONTROLPLANE_SCHEDULER_CLUSTER_SNAPSHOT_H_

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "controlplane/controllers/objects_fwd.h"
#include "controlplane/scheduler/resources.h"

namespace berth::controlplane {

// A port of the node that a pod takes. The address "" and 0.0.0.0 are all addresses.
struct HostPort {
  int port = 0;
  std::string protocol;
  std::string address;
  auto operator<=>(const HostPort&) const = default;
};
std::vector<HostPort> HostPortsOf(const api::core::v1::Pod& pod);

// A pod that is on a node, or is assumed to be since it was bound.
struct PlacedPod {
  PodPtr pod;
  Resources requests;
  Resources typical;  // RequestsOf(kTypical)
};

struct NodeState {
  NodePtr node;  // nullptr while pods are known that name a node which is not (yet) there
  std::map<std::string, PlacedPod, std::less<>> pods;  // by uid
  Resources allocatable;
  Resources requested;
  Resources typical;
  std::multiset<HostPort> ports;
  base::StringMap<int> per_owner;  // pods by the uid of their controller

  std::string_view name() const;
};

class ClusterSnapshot {
 public:
  void SetNode(NodePtr node);
  void RemoveNode(std::string_view name);
  // Places the pod on `node_name`, in place of whatever was known by its uid.
  void Place(PodPtr pod, std::string_view node_name);
  void Remove(std::string_view uid);
  void SetNamespaceLabels(std::string_view name, std::map<std::string, std::string> labels);
  void RemoveNamespace(std::string_view name);

  // By name; only nodes that exist.
  std::vector<const NodeState*> Nodes() const;
  const NodeState* Find(std::string_view name) const;
  bool Holds(std::string_view uid) const { return where_.contains(uid); }
  std::string_view NodeOf(std::string_view uid) const;  // "" when not placed
  // The labels of a namespace, for affinity terms that select namespaces.
  const std::map<std::string, std::string>& NamespaceLabels(std::string_view name) const;
  // Pods with required anti-affinity: they may keep others away.
  const base::StringSet& guarded() const { return guarded_; }
  // Pods with any preferred or required (anti-)affinity.
  const base::StringSet& sociable() const { return sociable_; }

 private:
  std::map<std::string, NodeState, std::less<>> nodes_;
  base::StringMap<std::string> where_;  // uid -> node
  base::StringSet guarded_, sociable_;
  std::map<std::string, std::map<std::string, std::string>, std::less<>> namespaces_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_SCHEDULER_CLUSTER_SNAPSHOT_H_
