// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/disruption_controller.h"

#include <google/protobuf/util/message_differencer.h>

#include <map>

#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/policy/v1/policy.pb.h"
#include "api/selector.h"
#include "base/log.h"
#include "base/status.h"
#include "controlplane/controllers/disruption_plan.h"
#include "controlplane/controllers/ownership.h"
#include "controlplane/controllers/rollout.h"

namespace berth::controlplane {
namespace {

using api::apps::v1::Deployment;
using api::apps::v1::ReplicaSet;
using api::apps::v1::StatefulSet;
using api::core::v1::Pod;
using api::policy::v1::PodDisruptionBudget;

// No selector selects nothing; an empty one everything.
bool Selects(const PodDisruptionBudget& budget, const Pod& pod) {
  if (!budget.spec().has_selector()) return false;
  const auto selector = api::LabelSelector::Of(budget.spec().selector());
  return selector.ok() && selector->Matches(pod.metadata().labels());
}

}  // namespace

DisruptionController::DisruptionController(Context& context, client::EventRecorder& events)
    : context_(context),
      events_(events),
      queue_(context, "disruption", [this](const std::string& key) { return Sync(key); }) {
  Informers& informers = context_.informers;
  informers.OnChange<Budget>(informers.budgets, [this](const std::string& key, const Budget*,
                                                       const Budget*) { queue_.Add(key); });
  informers.OnChange<Pod>(informers.pods,
                          [this](const std::string&, const Pod* before, const Pod* after) {
                            if (before != nullptr) OnPod(*before);
                            if (after != nullptr) OnPod(*after);
                          });
}

void DisruptionController::Begin() { queue_.AddAll(context_.informers.budgets); }

void DisruptionController::OnPod(const Pod& pod) {
  for (const auto& budget :
       context_.informers.budget_index.Find<Budget>(NamespaceTerm(pod.metadata().namespace_()))) {
    if (Selects(*budget, pod)) queue_.Add(api::KeyOf(*budget));
  }
}

absl::StatusOr<int> DisruptionController::ScaleOf(const std::string& namespace_,
                                                  const api::meta::v1::OwnerReference& owner,
                                                  std::string& uid) const {
  const std::string key = api::KeyOf(namespace_, owner.name());
  uid = owner.uid();
  if (owner.kind() == "ReplicaSet") {
    const auto set = context_.informers.replica_sets.Get(key);
    if (set == nullptr || set->metadata().uid() != owner.uid()) return 0;
    const auto* above = ControllerOf(set->metadata());
    if (above == nullptr || above->kind() != "Deployment") return ReplicasOf(*set);
    const auto deployment =
        context_.informers.deployments.Get(api::KeyOf(namespace_, above->name()));
    if (deployment == nullptr || deployment->metadata().uid() != above->uid()) {
      return ReplicasOf(*set);
    }
    uid = above->uid();
    return ReplicasOf(*deployment);
  }
  if (owner.kind() == "StatefulSet") {
    StatefulSet set;
    const absl::Status status =
        context_.api.Get(client::kStatefulSets, namespace_, owner.name(), set);
    if (absl::IsNotFound(status) || set.metadata().uid() != owner.uid()) return 0;
    RETURN_IF_ERROR(status);
    return set.spec().has_replicas() ? set.spec().replicas() : 1;
  }
  return absl::FailedPreconditionError(
      base::StrCat(base::ToLower(owner.kind()), "s does not implement the scale subresource"));
}

absl::StatusOr<int> DisruptionController::ScaleOf(const std::vector<PodPtr>& pods) const {
  std::map<std::string, int> sizes;  // by controller, each once
  std::map<std::string, bool> seen;
  for (const PodPtr& pod : pods) {
    const auto* owner = ControllerOf(pod->metadata());
    if (owner == nullptr || seen[owner->uid()]) continue;
    seen[owner->uid()] = true;
    std::string uid;
    ASSIGN_OR_RETURN(const int size, ScaleOf(pod->metadata().namespace_(), *owner, uid));
    sizes[uid] = size;
  }
  int total = 0;
  for (const auto& [uid, size] : sizes) total += size;
  return total;
}

absl::Status DisruptionController::Sync(const std::string& key) {
  const auto budget = context_.informers.budgets.Get(key);
  if (budget == nullptr) return absl::OkStatus();
  DisruptionInput input{.budget = *budget, .pods = {}, .now = context_.clock.Now()};
  for (PodPtr& pod :
       context_.informers.pod_index.Find<Pod>(NamespaceTerm(budget->metadata().namespace_()))) {
    if (Selects(*budget, *pod)) input.pods.push_back(std::move(pod));
  }
  if (input.pods.empty()) events_.Record(*budget, "Normal", "NoPods", "No matching pods found");
  Budget changed = *budget;
  if (NeedsScale(*budget)) {
    const auto scale = ScaleOf(input.pods);
    if (!scale.ok()) {
      const std::string error(base::Message(scale.status()));
      events_.Record(*budget, "Warning", "CalculateExpectedPodCountFailed",
                     base::StrCat("Failed to calculate the number of expected pods: ", error));
      *changed.mutable_status() = FailedDisruptionStatus(*budget, error, input.now);
      return WriteStatus(*budget, std::move(changed));
    }
    input.scale = *scale;
  }
  const DisruptionPlan plan = PlanDisruption(input, *changed.mutable_status());
  for (const PodPtr& pod : plan.overdue) {
    events_.Record(*pod, "Warning", "NotDeleted",
                   "Pod was expected by PDB to be deleted but it wasn't");
  }
  if (plan.recheck < absl::InfiniteDuration()) queue_.AddAfter(key, plan.recheck);
  return WriteStatus(*budget, std::move(changed));
}

absl::Status DisruptionController::WriteStatus(const Budget& budget, Budget changed) {
  if (google::protobuf::util::MessageDifferencer::Equivalent(changed.status(), budget.status())) {
    return absl::OkStatus();
  }
  const absl::Status status =
      context_.api.UpdateStatus(client::kPodDisruptionBudgets, changed, nullptr);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace berth::controlplane
