// SPDX-License-Identifier: Apache-2.0
#include "controlplane/scheduler/scheduler.h"

#include <nlohmann/json.hpp>

#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "controlplane/controllers/pod_state.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Node;
using api::core::v1::Pod;

constexpr absl::Duration kRetryUnschedulable = absl::Minutes(5);

bool WantsNode(const Pod& pod) {
  return pod.spec().node_name().empty() && IsActive(pod) &&
         (pod.spec().scheduler_name() == "default-scheduler" ||
          pod.spec().scheduler_name().empty());
}

// What a node is to the scheduler, without its heartbeats.
std::string Fingerprint(const Node& node) {
  std::string text;
  base::StrAppend(text, node.spec().unschedulable(), "|");
  for (const auto& taint : node.spec().taints()) {
    base::StrAppend(text, taint.key(), "=", taint.value(), ":", taint.effect(), ",");
  }
  std::map<std::string, std::string> sorted;
  for (const auto& [key, value] : node.metadata().labels()) sorted["l/" + key] = value;
  for (const auto& [name, amount] : node.status().allocatable()) {
    sorted["r/" + name] = amount.string();
  }
  for (const auto& [key, value] : sorted) base::StrAppend(text, key, "=", value, ",");
  return text;
}

std::string UnschedulablePatch(const Pod& pod, std::string_view reason, std::string_view message,
                               absl::Time now) {
  const auto* old = FindCondition(pod, "PodScheduled");
  absl::Time since = now;
  if (old != nullptr && old->status() == "False" && old->has_last_transition_time()) {
    since = ToTime(old->last_transition_time());
  }
  const nlohmann::json condition = {
      {"type", "PodScheduled"},
      {"status", "False"},
      {"reason", reason},
      {"message", message},
      {"lastProbeTime", nullptr},
      {"lastTransitionTime", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", since, absl::UTCTimeZone())}};
  return nlohmann::json{{"metadata", {{"uid", pod.metadata().uid()}}},
                        {"status", {{"conditions", nlohmann::json::array({condition})}}}}
      .dump();
}

}  // namespace

Scheduler::Scheduler(Context& context, client::EventRecorder& events)
    : context_(context),
      events_(events),
      queue_(context, "scheduler", [this](const std::string& key) { return Sync(key); }) {
  Informers& informers = context_.informers;
  using Snapshot = Informers::Snapshot;
  informers.OnChange(informers.pods,
                     [this](const std::string& key, const Snapshot& before, const Snapshot& after) {
                       OnPod(key, std::static_pointer_cast<const Pod>(before),
                             std::static_pointer_cast<const Pod>(after));
                     });
  informers.OnChange(informers.nodes, [this](const std::string& name, const Snapshot& before,
                                             const Snapshot& after) {
    OnNode(name, std::static_pointer_cast<const Node>(before),
           std::static_pointer_cast<const Node>(after));
  });
  informers.OnChange<api::core::v1::Namespace>(
      informers.namespaces,
      [this](const std::string& name, const api::core::v1::Namespace*,
             const api::core::v1::Namespace* after) { OnNamespace(name, after); });
}

void Scheduler::Begin() {
  for (const auto& pod : context_.informers.pods.List()) {
    if (WantsNode(*pod)) queue_.Add(api::KeyOf(*pod));
  }
}

void Scheduler::OnPod(const std::string& key, const PodPtr& before, const PodPtr& after) {
  bool room = false;
  {
    base::MutexLock l(mu_);
    if (before != nullptr &&
        (after == nullptr || after->metadata().uid() != before->metadata().uid())) {
      room |= cluster_.Holds(before->metadata().uid());
      cluster_.Remove(before->metadata().uid());
      assumed_.erase(before->metadata().uid());
    }
    if (after != nullptr) {
      const std::string& uid = after->metadata().uid();
      if (IsFinished(*after)) {
        room |= cluster_.Holds(uid);
        cluster_.Remove(uid);
        assumed_.erase(uid);
      } else if (!after->spec().node_name().empty()) {
        // Labels of placed pods matter to affinity, so every change counts.
        cluster_.Place(after, after->spec().node_name());
        room |= assumed_.erase(uid) == 0 && before == nullptr;
      } else if (!IsActive(*after)) {
        assumed_.erase(uid);
        cluster_.Remove(uid);
      }
    }
    if (after == nullptr || !after->spec().node_name().empty()) unschedulable_.erase(key);
  }
  if (after != nullptr && WantsNode(*after)) {
    // The condition that this scheduler wrote is no reason to try again.
    const bool asked_before =
        before != nullptr && WantsNode(*before) &&
        before->metadata().uid() == after->metadata().uid() &&
        before->metadata().generation() == after->metadata().generation() &&
        before->spec().scheduling_gates_size() == after->spec().scheduling_gates_size();
    if (!asked_before) queue_.Add(key);
  }
  if (room) RetryUnschedulable();
}

void Scheduler::OnNode(const std::string& name, const NodePtr& before, const NodePtr& after) {
  {
    base::MutexLock l(mu_);
    if (after != nullptr) {
      cluster_.SetNode(after);
    } else {
      cluster_.RemoveNode(name);
    }
  }
  if (after == nullptr) return;
  if (before == nullptr || Fingerprint(*before) != Fingerprint(*after)) RetryUnschedulable();
}

void Scheduler::OnNamespace(const std::string& name, const api::core::v1::Namespace* after) {
  base::MutexLock l(mu_);
  if (after == nullptr) return cluster_.RemoveNamespace(name);
  const auto& labels = after->metadata().labels();
  cluster_.SetNamespaceLabels(name, {labels.begin(), labels.end()});
}

void Scheduler::RetryUnschedulable() {
  base::StringSet keys;
  {
    base::MutexLock l(mu_);
    keys.swap(unschedulable_);
  }
  for (const std::string& key : keys) queue_.Add(key);
}

absl::Status Scheduler::Sync(const std::string& key) {
  const PodPtr pod = context_.informers.pods.Get(key);
  if (pod == nullptr || !WantsNode(*pod)) return absl::OkStatus();
  if (pod->spec().scheduling_gates_size() > 0) return absl::OkStatus();
  const std::string& uid = pod->metadata().uid();
  Decision decision;
  {
    base::MutexLock l(mu_);
    if (assumed_.contains(uid)) return absl::OkStatus();
    decision = DecideNode(pod, cluster_);
    if (decision.node.empty()) {
      unschedulable_.insert(key);
    } else {
      cluster_.Place(pod, decision.node);
      assumed_.insert(uid);
    }
  }
  if (decision.node.empty()) return Refuse(key, *pod, decision.message);
  const absl::Status bound = Bind(*pod, decision.node);
  if (bound.ok()) return bound;
  {
    base::MutexLock l(mu_);
    // Unless the informer has meanwhile shown the pod on a node.
    if (assumed_.erase(uid) > 0) cluster_.Remove(uid);
  }
  if (absl::IsNotFound(bound)) return absl::OkStatus();
  events_.Record(*pod, "Warning", "FailedScheduling",
                 base::StrCat("binding rejected: ", base::Message(bound)));
  return bound;
}

absl::Status Scheduler::Bind(const Pod& pod, std::string_view node) {
  const auto& meta = pod.metadata();
  api::core::v1::Binding binding;
  binding.mutable_metadata()->set_namespace_(meta.namespace_());
  binding.mutable_metadata()->set_name(meta.name());
  binding.mutable_metadata()->set_uid(meta.uid());
  binding.mutable_target()->set_kind("Node");
  binding.mutable_target()->set_name(std::string(node));
  RETURN_IF_ERROR(context_.api.CreateSubresource(client::kPods, meta.namespace_(), meta.name(),
                                                 "binding", binding, nullptr));
  BERTH_INFO("pod bound", {"pod", api::KeyOf(pod)}, {"node", node});
  events_.Record(pod, "Normal", "Scheduled",
                 base::StrCat("Successfully assigned ", api::KeyOf(pod), " to ", node));
  return absl::OkStatus();
}

absl::Status Scheduler::Refuse(const std::string& key, const Pod& pod, const std::string& message) {
  queue_.AddAfter(key, kRetryUnschedulable);
  const auto* old = FindCondition(pod, "PodScheduled");
  events_.Record(pod, "Warning", "FailedScheduling", message);
  if (old != nullptr && old->status() == "False" && old->reason() == "Unschedulable" &&
      old->message() == message) {
    return absl::OkStatus();
  }
  const auto& meta = pod.metadata();
  const absl::Status patched = context_.api.Patch(
      client::kPods, meta.namespace_(), meta.name(), "status", client::PatchType::kStrategicMerge,
      UnschedulablePatch(pod, "Unschedulable", message, context_.clock.Now()), nullptr);
  return absl::IsNotFound(patched) ? absl::OkStatus() : patched;
}

}  // namespace berth::controlplane
