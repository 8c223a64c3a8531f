// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/pod_eviction.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "controlplane/controllers/node_health.h"
#include "controlplane/controllers/pod_state.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Node;
using api::core::v1::Pod;

bool Evicts(const Node* node) {
  if (node == nullptr) return false;
  const auto& taints = node->spec().taints();
  return std::any_of(taints.begin(), taints.end(),
                     [](const auto& taint) { return taint.effect() == "NoExecute"; });
}

}  // namespace

absl::Status PodEviction::NoteDisruption(const Pod& pod) {
  const nlohmann::json condition = {
      {"type", "DisruptionTarget"},
      {"status", "True"},
      {"reason", "DeletionByTaintManager"},
      {"message", "Taint manager: deleting due to NoExecute taint"},
      {"lastTransitionTime",
       absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", context_.clock.Now(), absl::UTCTimeZone())}};
  const nlohmann::json patch = {{"metadata", {{"uid", pod.metadata().uid()}}},
                                {"status", {{"conditions", nlohmann::json::array({condition})}}}};
  return context_.api.Patch(client::kPods, pod.metadata().namespace_(), pod.metadata().name(),
                            "status", client::PatchType::kStrategicMerge, patch.dump(), nullptr);
}

PodEviction::PodEviction(Context& context, client::EventRecorder& events)
    : context_(context),
      events_(events),
      queue_(context, "eviction", [this](const std::string& key) { return Sync(key); }) {
  Informers& informers = context_.informers;
  informers.OnChange<Node>(
      informers.nodes, [this](const std::string& name, const Node* before, const Node* after) {
        if (!Evicts(before) && !Evicts(after)) return;
        if (before != nullptr && after != nullptr &&
            before->metadata().generation() == after->metadata().generation() &&
            before->spec().taints_size() == after->spec().taints_size()) {
          return;
        }
        for (const auto& pod : context_.informers.pod_index.Find<Pod>(NodeTerm(name))) {
          queue_.Add(api::KeyOf(*pod));
        }
      });
  informers.OnChange<Pod>(
      informers.pods, [this](const std::string& key, const Pod* before, const Pod* after) {
        const bool placed = after != nullptr && !after->spec().node_name().empty() &&
                            (before == nullptr || before->spec().node_name().empty());
        if (placed) queue_.Add(key);
      });
}

void PodEviction::Begin() { queue_.AddAll(context_.informers.pods); }

absl::Status PodEviction::Sync(const std::string& key) {
  const PodPtr pod = context_.informers.pods.Get(key);
  if (pod == nullptr || !IsActive(*pod) || pod->spec().node_name().empty()) return absl::OkStatus();
  const NodePtr node = context_.informers.nodes.Get(pod->spec().node_name());
  if (node == nullptr) return absl::OkStatus();
  const absl::Time now = context_.clock.Now();
  const absl::Time due = EvictionTime(*pod, *node, now);
  if (due == absl::InfiniteFuture()) return absl::OkStatus();
  if (due > now) {
    queue_.AddAfter(key, due - now);
    return absl::OkStatus();
  }
  events_.Record(*pod, "Normal", "TaintManagerEviction",
                 base::StrCat("Marking for deletion Pod ", key));
  BERTH_INFO("evicting pod from tainted node", {"pod", key}, {"node", node->metadata().name()});
  const auto& meta = pod->metadata();
  absl::Status status = NoteDisruption(*pod);
  if (absl::IsNotFound(status)) return absl::OkStatus();
  RETURN_IF_ERROR(status, "noting the disruption of ", key);
  status = context_.api.Delete(client::kPods, meta.namespace_(), meta.name(), {.uid = meta.uid()});
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace berth::controlplane
