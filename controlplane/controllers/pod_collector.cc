// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/pod_collector.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "controlplane/controllers/pod_state.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Node;
using api::core::v1::Pod;

// A node that was deleted may register again.
constexpr absl::Duration kQuarantine = absl::Seconds(40);

std::pair<int64_t, std::string> AgeOf(const std::string& key, const Pod& pod) {
  return {pod.metadata().creation_timestamp().seconds(), key};
}

}  // namespace

PodCollector::PodCollector(Context& context)
    : context_(context),
      nodes_(context, "podgc-node", [this](const std::string& name) { return SyncNode(name); }),
      pods_(context, "podgc",
            [this](const std::string& key) { return key.empty() ? Trim() : SyncPod(key); }) {
  Informers& informers = context_.informers;
  informers.OnChange<Node>(informers.nodes,
                           [this](const std::string& name, const Node*, const Node* after) {
                             if (after == nullptr) nodes_.AddAfter(name, kQuarantine);
                           });
  informers.OnChange<Pod>(informers.pods, [this](const std::string& key, const Pod* before,
                                                 const Pod* after) { OnPod(key, before, after); });
}

void PodCollector::Begin() {
  std::set<std::string> missing;
  for (const auto& pod : context_.informers.pods.List()) {
    const std::string& node = pod->spec().node_name();
    if (!node.empty() && context_.informers.nodes.Get(node) == nullptr) missing.insert(node);
    if (node.empty() && IsTerminating(*pod)) pods_.Add(api::KeyOf(*pod));
  }
  for (const std::string& node : missing) nodes_.AddAfter(node, kQuarantine);
  pods_.Add("");
}

void PodCollector::OnPod(const std::string& key, const Pod* before, const Pod* after) {
  bool crowded = false;
  {
    base::MutexLock l(mu_);
    if (before != nullptr) finished_.erase(AgeOf(key, *before));
    if (after != nullptr && IsFinished(*after)) finished_.insert(AgeOf(key, *after));
    crowded = static_cast<int>(finished_.size()) > context_.options.terminated_pod_threshold;
  }
  if (crowded && context_.options.terminated_pod_threshold > 0) pods_.Add("");
  if (after == nullptr) return;
  const std::string& node = after->spec().node_name();
  if (node.empty()) {
    if (IsTerminating(*after)) pods_.Add(key);
  } else if (before == nullptr || before->spec().node_name() != node) {
    if (context_.informers.nodes.Get(node) == nullptr) nodes_.AddAfter(node, kQuarantine);
  }
}

absl::Status PodCollector::SyncNode(const std::string& name) {
  if (context_.informers.nodes.Get(name) != nullptr) return absl::OkStatus();
  const auto pods = context_.informers.pod_index.Find<Pod>(NodeTerm(name));
  if (pods.empty()) return absl::OkStatus();
  Node live;
  const absl::Status there = context_.api.Get(client::kNodes, "", name, live);
  if (there.ok()) return absl::OkStatus();
  if (!absl::IsNotFound(there)) return there;
  for (const auto& pod : pods) {
    if (!IsFinished(*pod)) {
      const nlohmann::json patch = {{"metadata", {{"uid", pod->metadata().uid()}}},
                                    {"status",
                                     {{"phase", "Failed"},
                                      {"reason", "NodeLost"},
                                      {"message", "PodGC: node no longer exists"}}}};
      const absl::Status failed =
          context_.api.Patch(client::kPods, pod->metadata().namespace_(), pod->metadata().name(),
                             "status", client::PatchType::kStrategicMerge, patch.dump(), nullptr);
      if (!failed.ok() && !absl::IsNotFound(failed)) return failed;
    }
    RETURN_IF_ERROR(ForceDelete(*pod), "collecting a pod of lost node ", name);
  }
  return absl::OkStatus();
}

absl::Status PodCollector::SyncPod(const std::string& key) {
  const auto pod = context_.informers.pods.Get(key);
  if (pod == nullptr || !IsTerminating(*pod) || !pod->spec().node_name().empty()) {
    return absl::OkStatus();
  }
  return ForceDelete(*pod);
}

absl::Status PodCollector::Trim() {
  const int threshold = context_.options.terminated_pod_threshold;
  if (threshold <= 0) return absl::OkStatus();
  std::vector<std::string> keys;
  {
    base::MutexLock l(mu_);
    int excess = static_cast<int>(finished_.size()) - threshold;
    for (auto it = finished_.begin(); it != finished_.end() && excess > 0; ++it, --excess) {
      keys.push_back(it->second);
    }
  }
  for (const std::string& key : keys) {
    const auto pod = context_.informers.pods.Get(key);
    if (pod != nullptr) RETURN_IF_ERROR(ForceDelete(*pod), "trimming finished pods");
  }
  return absl::OkStatus();
}

absl::Status PodCollector::ForceDelete(const Pod& pod) {
  const auto& meta = pod.metadata();
  BERTH_INFO("collecting pod", {"pod", api::KeyOf(pod)}, {"node", pod.spec().node_name()});
  const absl::Status status = context_.api.Delete(client::kPods, meta.namespace_(), meta.name(),
                                                  {.grace_period_seconds = 0, .uid = meta.uid()});
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace berth::controlplane
