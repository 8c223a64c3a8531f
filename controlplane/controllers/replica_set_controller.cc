// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/replica_set_controller.h"

#include <google/protobuf/util/message_differencer.h>

#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/selector.h"
#include "base/log.h"
#include "base/status.h"
#include "controlplane/controllers/claim.h"
#include "controlplane/controllers/ownership.h"
#include "controlplane/controllers/pod_state.h"

namespace berth::controlplane {

ReplicaSetController::ReplicaSetController(Context& context, client::EventRecorder& events)
    : context_(context),
      events_(events),
      expectations_(context.clock),
      queue_(context, "replicaset", [this](const std::string& key) { return Sync(key); }) {
  Informers& informers = context_.informers;
  informers.OnChange<ReplicaSet>(
      informers.replica_sets,
      [this](const std::string& key, const ReplicaSet* before, const ReplicaSet* after) {
        if (after == nullptr) expectations_.Forget(before->metadata().uid());
        queue_.Add(key);
      });
  informers.OnChange<Pod>(informers.pods, [this](const std::string&, const Pod* before,
                                                 const Pod* after) { OnPod(before, after); });
}

void ReplicaSetController::Begin() { queue_.AddAll(context_.informers.replica_sets); }

void ReplicaSetController::OnPod(const Pod* before, const Pod* after) {
  if (before != nullptr && after != nullptr &&
      ControllerUid(before->metadata()) != ControllerUid(after->metadata())) {
    OnOwnedPod(*before, false, true);
  }
  const Pod& pod = after != nullptr ? *after : *before;
  if (ControllerOf(pod.metadata()) != nullptr) {
    OnOwnedPod(pod, before == nullptr, after == nullptr || IsTerminating(pod));
    return;
  }
  if (after == nullptr) return;
  for (const auto& set : context_.informers.replica_set_index.Find<ReplicaSet>(
           NamespaceTerm(pod.metadata().namespace_()))) {
    const auto selector = api::LabelSelector::Of(set->spec().selector());
    if (selector.ok() && selector->Matches(pod.metadata().labels())) queue_.Add(api::KeyOf(*set));
  }
}

void ReplicaSetController::OnOwnedPod(const Pod& pod, bool created, bool gone) {
  const auto* owner = ControllerOf(pod.metadata());
  if (owner == nullptr || owner->kind() != "ReplicaSet") return;
  const std::string key = api::KeyOf(pod.metadata().namespace_(), owner->name());
  if (created) expectations_.CreationObserved(owner->uid());
  if (gone) expectations_.DeletionObserved(owner->uid(), pod.metadata().uid());
  queue_.Add(key);
}

absl::Status ReplicaSetController::Sync(const std::string& key) {
  const auto set = context_.informers.replica_sets.Get(key);
  if (set == nullptr) return absl::OkStatus();
  const std::string& uid = set->metadata().uid();
  ASSIGN_OR_RETURN(const std::vector<PodPtr> pods, ClaimPods(*set), "claiming pods of ", key);
  absl::Status managed;
  if (!expectations_.Satisfied(uid)) {
    queue_.AddAfter(key, expectations_.Deadline(uid) - context_.clock.Now() + absl::Seconds(1));
  } else if (!set->metadata().has_deletion_timestamp()) {
    managed = Manage(key, *set, pods);
  } else {
    expectations_.Forget(uid);
  }
  RETURN_IF_ERROR(WriteStatus(*set, pods, managed), "writing the status of ", key);
  const absl::Time now = context_.clock.Now();
  if (const absl::Time next = NextAvailability(*set, pods, now); next < absl::InfiniteFuture()) {
    queue_.AddAfter(key, next - now);
  }
  return managed;
}

absl::StatusOr<std::vector<PodPtr>> ReplicaSetController::ClaimPods(const ReplicaSet& set) {
  return ClaimObjects<Pod>(context_, client::kReplicaSets, set, set.spec().selector(),
                           client::kPods, context_.informers.pod_index,
                           [](const Pod& pod) { return !IsFinished(pod); });
}

absl::Status ReplicaSetController::Manage(const std::string& key, const ReplicaSet& set,
                                          const std::vector<PodPtr>& pods) {
  const ReplicaSetPlan plan = PlanReplicaSet(set, pods, Siblings(set), context_.clock.Now());
  if (plan.create > 0) return CreatePods(key, set, plan.create);
  if (!plan.remove.empty()) return DeletePods(key, set, plan.remove);
  return absl::OkStatus();
}

bool ReplicaSetController::NamespaceEnds(const ReplicaSet& set) const {
  const auto space = context_.informers.namespaces.Get(set.metadata().namespace_());
  return space != nullptr && space->metadata().has_deletion_timestamp();
}

absl::Status ReplicaSetController::CreatePods(const std::string& key, const ReplicaSet& set,
                                              int count) {
  const std::string& uid = set.metadata().uid();
  BERTH_INFO("creating pods", {"replicaset", key}, {"count", count});
  expectations_.ExpectCreations(uid, count);
  const Pod pod = PodFromTemplate(set);
  absl::Status failed;
  for (const int batch : SlowStartBatches(count)) {
    for (int i = 0; i < batch; ++i, --count) {
      Pod created;
      const absl::Status status = context_.api.Create(client::kPods, pod, &created);
      if (status.ok()) {
        events_.Record(set, "Normal", "SuccessfulCreate",
                       base::StrCat("Created pod: ", created.metadata().name()));
        continue;
      }
      failed = status;
      expectations_.CreationObserved(uid);
      if (NamespaceEnds(set)) continue;
      events_.Record(set, "Warning", "FailedCreate",
                     base::StrCat("Error creating: ", base::Message(status)));
    }
    if (!failed.ok()) break;
  }
  for (; count > 0; --count) expectations_.CreationObserved(uid);  // those not tried
  // Nothing can be created in a namespace that is being deleted, and the set goes with it.
  return NamespaceEnds(set) ? absl::OkStatus() : failed;
}

absl::Status ReplicaSetController::DeletePods(const std::string& key, const ReplicaSet& set,
                                              const std::vector<PodPtr>& pods) {
  const std::string& owner = set.metadata().uid();
  BERTH_INFO("deleting pods", {"replicaset", key}, {"count", pods.size()});
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

absl::Status ReplicaSetController::WriteStatus(const ReplicaSet& set, std::vector<PodPtr> pods,
                                               const absl::Status& managed) {
  // Pods that were told to go are no longer counted on, whatever the informer still shows.
  std::erase_if(pods, [&](const PodPtr& pod) {
    return expectations_.AwaitsDeletion(set.metadata().uid(), pod->metadata().uid());
  });
  const int wanted = set.spec().has_replicas() ? set.spec().replicas() : 1;
  const bool creating = static_cast<int>(pods.size()) < wanted;
  ReplicaSet changed = set;
  *changed.mutable_status() = ReplicaSetStatusOf(
      set, pods, creating ? "FailedCreate" : "FailedDelete",
      managed.ok() ? std::string_view() : base::Message(managed), context_.clock.Now());
  if (google::protobuf::util::MessageDifferencer::Equivalent(changed.status(), set.status())) {
    return absl::OkStatus();
  }
  const absl::Status status = context_.api.UpdateStatus(client::kReplicaSets, changed, nullptr);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

std::vector<PodPtr> ReplicaSetController::Siblings(const ReplicaSet& set) const {
  const std::string_view owner = ControllerUid(set.metadata());
  const Index& pods = context_.informers.pod_index;
  if (owner.empty()) return pods.Find<Pod>(OwnedTerm(set.metadata().uid()));
  std::vector<PodPtr> siblings;
  for (const auto& set_of_owner :
       context_.informers.replica_set_index.Find<ReplicaSet>(OwnedTerm(owner))) {
    for (PodPtr& pod : pods.Find<Pod>(OwnedTerm(set_of_owner->metadata().uid()))) {
      siblings.push_back(std::move(pod));
    }
  }
  return siblings;
}

}  // namespace berth::controlplane
