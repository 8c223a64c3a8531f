// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/node_lifecycle_controller.h"

#include <nlohmann/json.hpp>

#include "api/proto/coordination/v1/coordination.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "controlplane/controllers/node_health.h"
#include "controlplane/controllers/pod_state.h"

namespace berth::controlplane {
namespace {

using api::coordination::v1::Lease;
using api::core::v1::Node;
using api::core::v1::Pod;

constexpr std::string_view kLeaseNamespace = "kube-node-lease";

const api::core::v1::NodeCondition* ReadyOf(const Node& node) {
  for (const auto& condition : node.status().conditions()) {
    if (condition.type() == "Ready") return &condition;
  }
  return nullptr;
}

// The kubelet wrote the node's status: its heartbeat in there moved.
bool Reported(const Node* before, const Node& after) {
  const auto* now = ReadyOf(after);
  if (now == nullptr || now->status() == "Unknown") return false;
  const auto* then = before == nullptr ? nullptr : ReadyOf(*before);
  return then == nullptr || then->status() == "Unknown" ||
         ToTime(then->last_heartbeat_time()) != ToTime(now->last_heartbeat_time());
}

}  // namespace

NodeLifecycleController::NodeLifecycleController(Context& context, client::EventRecorder& events)
    : context_(context),
      events_(events),
      disruption_(context.options.node_monitor_grace),
      queue_(context, "nodelifecycle", [this](const std::string& name) { return Sync(name); }) {
  Informers& informers = context_.informers;
  informers.OnChange<Node>(informers.nodes,
                           [this](const std::string& name, const Node* before, const Node* after) {
                             OnNode(name, before, after);
                           });
  informers.OnChange<Lease>(informers.leases,
                            [this](const std::string& key, const Lease*, const Lease* after) {
                              const auto [space, name] = api::SplitKey(key);
                              if (space == kLeaseNamespace && after != nullptr)
                                Heartbeat(std::string(name));
                            });
}

void NodeLifecycleController::Begin() { queue_.AddAll(context_.informers.nodes); }

void NodeLifecycleController::Heartbeat(const std::string& node) {
  base::MutexLock l(mu_);
  heard_[node] = context_.clock.Now();
}

absl::Time NodeLifecycleController::LastHeartbeat(const std::string& node) {
  base::MutexLock l(mu_);
  // A node seen for the first time gets the whole grace period.
  return heard_.try_emplace(node, context_.clock.Now()).first->second;
}

bool NodeLifecycleController::NoteReadiness(const std::string& name, const Node* node) {
  base::MutexLock l(mu_);
  const absl::Time now = context_.clock.Now();
  if (node == nullptr) return disruption_.Remove(name, now);
  return disruption_.Note(name, ConditionStatus(*node, "Ready") == "True", now);
}

NodeLifecycleController::Disruption NodeLifecycleController::SeenDisruption() {
  base::MutexLock l(mu_);
  return {disruption_.End(), disruption_.nodes()};
}

void NodeLifecycleController::OnNode(const std::string& name, const Node* before,
                                     const Node* after) {
  if (NoteReadiness(name, after) && context_.ready) {
    BERTH_WARNING("whether any node is ready has changed", {"node", name},
                  {"any", SeenDisruption().end != absl::InfiniteFuture()});
    queue_.AddAll(context_.informers.nodes);
  }
  if (after == nullptr) {
    {
      base::MutexLock l(mu_);
      heard_.erase(name);
    }
    if (context_.ready) {
      events_.Record(
          *before, "Normal", "RemovingNode",
          base::StrCat("Node ", name, " event: Removing Node ", name, " from Controller"));
    }
    return queue_.Add(name);
  }
  if (Reported(before, *after)) Heartbeat(name);
  if (before == nullptr && context_.ready) {
    events_.Record(*after, "Normal", "RegisteredNode",
                   base::StrCat("Node ", name, " event: Registered Node ", name, " in Controller"));
  }
  queue_.Add(name);
}

absl::Status NodeLifecycleController::Sync(const std::string& name) {
  const auto seen = context_.informers.nodes.Get(name);
  if (seen == nullptr) {
    base::MutexLock l(cidr_mu_);
    assigned_.erase(name);
    return absl::OkStatus();
  }
  const absl::Duration grace = context_.options.node_monitor_grace;
  const absl::Duration silent = context_.clock.Now() - LastHeartbeat(name);
  if (silent >= grace && ConditionStatus(*seen, "Ready") != "Unknown") {
    // The taints follow when the informer shows the new conditions.
    return WriteSilence(*seen);
  }
  if (silent < grace) queue_.AddAfter(name, grace - silent);
  const absl::Time now = context_.clock.Now();
  const Disruption disruption = SeenDisruption();
  const bool may_be_lost = now >= disruption.end;
  if (!may_be_lost && disruption.end != absl::InfiniteFuture()) {
    queue_.AddAfter(name, disruption.end - now);
  }
  Node node = *seen;
  RETURN_IF_ERROR(AssignPodCidr(node), "podCIDR of ", name);
  if (UpdateTaints(now, node, may_be_lost)) {
    Node updated;
    RETURN_IF_ERROR(context_.api.Update(client::kNodes, node, &updated), "tainting ", name);
    BERTH_INFO("node taints updated", {"node", name}, {"taints", node.spec().taints_size()});
  }
  const std::string_view ready = ConditionStatus(*seen, "Ready");
  if (ready == "True" || ready.empty()) return absl::OkStatus();
  // When several nodes fell silent together, their pods most likely serve on, and who still hears
  // of Services must not be told that all of them have no endpoints.
  if (ready == "Unknown" && !may_be_lost && disruption.nodes > 1) return absl::OkStatus();
  return MarkPodsNotReady(*seen);
}

absl::Status NodeLifecycleController::WriteSilence(const Node& seen) {
  Node node = seen;
  const bool was_ready = ConditionStatus(node, "Ready") == "True";
  if (!MarkUnknown(context_.clock.Now(), node)) return absl::OkStatus();
  const std::string& name = node.metadata().name();
  RETURN_IF_ERROR(context_.api.UpdateStatus(client::kNodes, node, nullptr), "marking node ", name,
                  " unknown");
  BERTH_WARNING("node is silent", {"node", name});
  if (was_ready) {
    events_.Record(node, "Normal", "NodeNotReady",
                   base::StrCat("Node ", name, " status is now: NodeNotReady"));
  }
  return absl::OkStatus();
}

absl::Status NodeLifecycleController::MarkPodsNotReady(const Node& node) {
  const std::string now =
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", context_.clock.Now(), absl::UTCTimeZone());
  for (const auto& pod : context_.informers.pod_index.Find<Pod>(NodeTerm(node.metadata().name()))) {
    if (!IsReady(*pod)) continue;
    const nlohmann::json condition = {
        {"type", "Ready"}, {"status", "False"}, {"lastTransitionTime", now}};
    const nlohmann::json patch = {{"metadata", {{"uid", pod->metadata().uid()}}},
                                  {"status", {{"conditions", nlohmann::json::array({condition})}}}};
    const absl::Status status =
        context_.api.Patch(client::kPods, pod->metadata().namespace_(), pod->metadata().name(),
                           "status", client::PatchType::kStrategicMerge, patch.dump(), nullptr);
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    events_.Record(*pod, "Warning", "NodeNotReady", "Node is not ready");
  }
  return absl::OkStatus();
}

absl::Status NodeLifecycleController::AssignPodCidr(Node& node) {
  if (!node.spec().pod_cidr().empty() || context_.options.cluster_cidr.empty()) {
    return absl::OkStatus();
  }
  const std::string& name = node.metadata().name();
  base::MutexLock l(cidr_mu_);
  std::set<std::string, std::less<>> taken;
  for (const auto& [other, cidr] : assigned_) taken.insert(cidr);
  for (const auto& other : context_.informers.nodes.List()) {
    if (!other->spec().pod_cidr().empty()) taken.insert(other->spec().pod_cidr());
  }
  ASSIGN_OR_RETURN(std::string cidr, FreeSubnet(context_.options.cluster_cidr,
                                                context_.options.node_cidr_mask_size, taken));
  // Held across the call on purpose: two nodes must not get one subnet.
  node.mutable_spec()->set_pod_cidr(cidr);
  node.mutable_spec()->clear_pod_cidrs();
  node.mutable_spec()->add_pod_cidrs(cidr);
  const absl::Time now = context_.clock.Now();
  UpdateTaints(now, node, /*evict=*/now >= SeenDisruption().end);
  Node updated;
  RETURN_IF_ERROR(context_.api.Update(client::kNodes, node, &updated));
  BERTH_INFO("podCIDR assigned", {"node", name}, {"cidr", cidr});
  assigned_[name] = std::move(cidr);
  node = std::move(updated);
  return absl::OkStatus();
}

}  // namespace berth::controlplane
