// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/daemon_set_controller.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>

#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "controlplane/controllers/claim.h"
#include "controlplane/controllers/daemon_set_history.h"
#include "controlplane/controllers/ownership.h"
#include "controlplane/controllers/pod_state.h"
#include "controlplane/controllers/replica_set_plan.h"

namespace berth::controlplane {
namespace {

using google::protobuf::util::MessageDifferencer;

constexpr absl::Duration kFirstWait = absl::Seconds(1);
constexpr absl::Duration kLongestWait = absl::Minutes(15);

// What decides whether a daemon runs on a node.
bool SameForDaemons(const api::core::v1::Node& a, const api::core::v1::Node& b) {
  api::core::v1::Node x, y;
  *x.mutable_metadata()->mutable_labels() = a.metadata().labels();
  *y.mutable_metadata()->mutable_labels() = b.metadata().labels();
  *x.mutable_spec()->mutable_taints() = a.spec().taints();
  *y.mutable_spec()->mutable_taints() = b.spec().taints();
  return MessageDifferencer::Equivalent(x, y);
}

}  // namespace

DaemonSetController::DaemonSetController(Context& context, client::EventRecorder& events)
    : context_(context),
      events_(events),
      expectations_(context.clock),
      queue_(context, "daemonset", [this](const std::string& key) { return Sync(key); }) {
  Informers& informers = context_.informers;
  informers.OnChange<DaemonSet>(
      informers.daemon_sets,
      [this](const std::string& key, const DaemonSet* before, const DaemonSet* after) {
        if (after == nullptr) expectations_.Forget(before->metadata().uid());
        queue_.Add(key);
      });
  informers.OnChange<Node>(informers.nodes, [this](const std::string&, const Node* before,
                                                   const Node* after) { OnNode(before, after); });
  informers.OnChange<Pod>(informers.pods, [this](const std::string&, const Pod* before,
                                                 const Pod* after) { OnPod(before, after); });
}

void DaemonSetController::Begin() { queue_.AddAll(context_.informers.daemon_sets); }

void DaemonSetController::OnNode(const Node* before, const Node* after) {
  if (before != nullptr && after != nullptr && SameForDaemons(*before, *after)) return;
  queue_.AddAll(context_.informers.daemon_sets);
}

void DaemonSetController::OnPod(const Pod* before, const Pod* after) {
  const Pod& pod = after != nullptr ? *after : *before;
  const auto* owner = ControllerOf(pod.metadata());
  if (owner == nullptr || owner->kind() != "DaemonSet") return;
  if (before == nullptr) expectations_.CreationObserved(owner->uid());
  if (after == nullptr || IsTerminating(pod)) {
    expectations_.DeletionObserved(owner->uid(), pod.metadata().uid());
  }
  queue_.Add(api::KeyOf(pod.metadata().namespace_(), owner->name()));
}

absl::Status DaemonSetController::Sync(const std::string& key) {
  const auto set = context_.informers.daemon_sets.Get(key);
  if (set == nullptr || set->metadata().has_deletion_timestamp()) return absl::OkStatus();
  const auto& selector = set->spec().selector();
  if (selector.match_labels().empty() && selector.match_expressions().empty()) {
    events_.Record(*set, "Warning", "SelectingAll",
                   "This daemon set is selecting all pods. A non-empty selector is required.");
    return absl::OkStatus();
  }
  DaemonSetInput input{.set = *set,
                       .hash = "",
                       .nodes = context_.informers.nodes.List(),
                       .pods = {},
                       .now = context_.clock.Now()};
  ASSIGN_OR_RETURN(input.hash, EnsureRevision(context_, *set), "revision of ", key);
  ASSIGN_OR_RETURN(input.pods,
                   ClaimObjects<Pod>(context_, client::kDaemonSets, *set, selector, client::kPods,
                                     context_.informers.pod_index,
                                     [](const Pod& pod) { return !IsFinished(pod); }),
                   "claiming pods of ", key);
  const absl::Status managed = Manage(key, input);
  RETURN_IF_ERROR(WriteStatus(input), "writing the status of ", key);
  if (const absl::Time next = NextDaemonAvailability(input); next < absl::InfiniteFuture()) {
    queue_.AddAfter(key, next - input.now);
  }
  RETURN_IF_ERROR(managed);
  return TrimRevisions(context_, *set, input.hash, input.pods);
}

absl::Status DaemonSetController::Manage(const std::string& key, const DaemonSetInput& input) {
  const std::string& uid = input.set.metadata().uid();
  if (!expectations_.Satisfied(uid)) {
    queue_.AddAfter(key, expectations_.Deadline(uid) - input.now + absl::Seconds(1));
    return absl::OkStatus();
  }
  const DaemonSetPlan plan = PlanDaemonSet(input);
  RETURN_IF_ERROR(Carry(key, input, plan));
  if (!plan.create.empty() || !plan.remove.empty() || !plan.ended.empty()) return absl::OkStatus();
  return Carry(key, input, PlanDaemonUpdate(input));
}

absl::Status DaemonSetController::Carry(const std::string& key, const DaemonSetInput& input,
                                        const DaemonSetPlan& plan) {
  std::vector<PodPtr> remove = DueEnded(key, input.set, plan.ended);
  remove.insert(remove.end(), plan.remove.begin(), plan.remove.end());
  absl::Status failed;
  if (!plan.create.empty()) failed = CreatePods(input, plan.create);
  if (!remove.empty()) failed.Update(DeletePods(input.set, remove));
  return failed;
}

std::vector<PodPtr> DaemonSetController::DueEnded(const std::string& key, const DaemonSet& set,
                                                  const std::vector<PodPtr>& ended) {
  std::vector<PodPtr> due;
  const absl::Time now = context_.clock.Now();
  for (const PodPtr& pod : ended) {
    const std::string node = TargetNode(*pod);
    {
      base::MutexLock l(mu_);
      Failures& failures = failures_[base::StrCat(set.metadata().uid(), "/", node)];
      if (now < failures.last + failures.wait) {
        queue_.AddAfter(key, failures.last + failures.wait - now);
        continue;
      }
      const bool quiet = now > failures.last + 2 * kLongestWait;
      failures.wait = quiet ? kFirstWait : std::min(2 * failures.wait, kLongestWait);
      failures.last = now;
    }
    const bool failed = pod->status().phase() == "Failed";
    events_.Record(
        set, failed ? "Warning" : "Normal", failed ? "FailedDaemonPod" : "SucceededDaemonPod",
        base::StrCat("Found ", failed ? "failed" : "succeeded", " daemon pod ", api::KeyOf(*pod),
                     " on node ", node, ", will try to ", failed ? "kill" : "delete", " it"));
    due.push_back(pod);
  }
  return due;
}

absl::Status DaemonSetController::CreatePods(const DaemonSetInput& input,
                                             const std::vector<std::string>& nodes) {
  const DaemonSet& set = input.set;
  const std::string& uid = set.metadata().uid();
  BERTH_INFO("creating daemon pods", {"daemonset", api::KeyOf(set)}, {"count", nodes.size()});
  expectations_.ExpectCreations(uid, static_cast<int>(nodes.size()));
  absl::Status failed;
  size_t next = 0;
  for (const int batch : SlowStartBatches(static_cast<int>(nodes.size()))) {
    for (int i = 0; i < batch; ++i, ++next) {
      Pod created;
      const absl::Status status =
          context_.api.Create(client::kPods, MakeDaemonPod(set, input.hash, nodes[next]), &created);
      if (status.ok()) {
        events_.Record(set, "Normal", "SuccessfulCreate",
                       base::StrCat("Created pod: ", created.metadata().name()));
        continue;
      }
      failed = status;
      expectations_.CreationObserved(uid);
      events_.Record(set, "Warning", "FailedCreate",
                     base::StrCat("Error creating: ", base::Message(status)));
    }
    if (!failed.ok()) break;
  }
  for (; next < nodes.size(); ++next) expectations_.CreationObserved(uid);  // those not tried
  return failed;
}

absl::Status DaemonSetController::DeletePods(const DaemonSet& set,
                                             const std::vector<PodPtr>& pods) {
  const std::string& owner = set.metadata().uid();
  BERTH_INFO("deleting daemon pods", {"daemonset", api::KeyOf(set)}, {"count", pods.size()});
  std::vector<std::string> uids;
  for (const PodPtr& pod : pods) uids.push_back(pod->metadata().uid());
  expectations_.ExpectDeletions(owner, uids);
  absl::Status failed;
  for (const PodPtr& pod : pods) {
    const auto& meta = pod->metadata();
    const absl::Status status =
        context_.api.Delete(client::kPods, meta.namespace_(), meta.name(), {.uid = meta.uid()});
    if (status.ok()) {
      events_.Record(set, "Normal", "SuccessfulDelete", base::StrCat("Deleted pod: ", meta.name()));
      continue;
    }
    expectations_.DeletionObserved(owner, meta.uid());
    if (absl::IsNotFound(status)) continue;
    failed = status;
    events_.Record(set, "Warning", "FailedDelete",
                   base::StrCat("Error deleting: ", base::Message(status)));
  }
  return failed;
}

absl::Status DaemonSetController::WriteStatus(const DaemonSetInput& input) {
  DaemonSet changed = input.set;
  *changed.mutable_status() = DaemonSetStatusOf(input);
  if (MessageDifferencer::Equivalent(changed.status(), input.set.status())) return absl::OkStatus();
  const absl::Status status = context_.api.UpdateStatus(client::kDaemonSets, changed, nullptr);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace berth::controlplane
