// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/deployment_controller.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/selector.h"
#include "base/log.h"
#include "base/status.h"
#include "controlplane/controllers/claim.h"
#include "controlplane/controllers/deployment_sets.h"
#include "controlplane/controllers/deployment_status.h"
#include "controlplane/controllers/ownership.h"
#include "controlplane/controllers/pod_state.h"
#include "controlplane/controllers/pod_template.h"

namespace berth::controlplane {

struct DeploymentController::Pass {
  Deployment deployment;  // with what this pass wrote
  std::vector<ReplicaSetPtr> owned;
  RolloutSets sets;  // point into `owned`
  bool rolling = true;
  CurrentSetEvent event = CurrentSetEvent::kNone;
  std::string create_error;

  void Sort() { sets = SortSets(deployment, owned); }
  // The set as the API server has it now, in place of what the informer showed.
  void Replace(ReplicaSet set) {
    auto fresh = std::make_shared<const ReplicaSet>(std::move(set));
    const auto it = std::find_if(owned.begin(), owned.end(), [&](const ReplicaSetPtr& other) {
      return other->metadata().uid() == fresh->metadata().uid();
    });
    if (it == owned.end()) {
      owned.push_back(std::move(fresh));
    } else {
      *it = std::move(fresh);
    }
    Sort();
  }
};

DeploymentController::DeploymentController(Context& context, client::EventRecorder& events)
    : context_(context),
      events_(events),
      queue_(context, "deployment", [this](const std::string& key) { return Sync(key); }) {
  Informers& informers = context_.informers;
  informers.OnChange<Deployment>(
      informers.deployments,
      [this](const std::string& key, const Deployment*, const Deployment*) { queue_.Add(key); });
  informers.OnChange<ReplicaSet>(informers.replica_sets,
                                 [this](const std::string&, const ReplicaSet* before,
                                        const ReplicaSet* after) { OnReplicaSet(before, after); });
  informers.OnChange<Pod>(informers.pods,
                          [this](const std::string&, const Pod* before, const Pod* after) {
                            if (before != nullptr && (after == nullptr || IsFinished(*after)))
                              OnPodGone(*before);
                          });
}

void DeploymentController::Begin() { queue_.AddAll(context_.informers.deployments); }

void DeploymentController::AddOwner(const ReplicaSet& set) {
  const auto* owner = ControllerOf(set.metadata());
  if (owner == nullptr || owner->kind() != "Deployment") return;
  queue_.Add(api::KeyOf(set.metadata().namespace_(), owner->name()));
}

void DeploymentController::OnReplicaSet(const ReplicaSet* before, const ReplicaSet* after) {
  if (before != nullptr) AddOwner(*before);
  if (after == nullptr) return;
  AddOwner(*after);
  if (ControllerOf(after->metadata()) != nullptr) return;
  for (const auto& deployment : context_.informers.deployment_index.Find<Deployment>(
           NamespaceTerm(after->metadata().namespace_()))) {
    const auto selector = api::LabelSelector::Of(deployment->spec().selector());
    if (selector.ok() && selector->Matches(after->metadata().labels())) {
      queue_.Add(api::KeyOf(*deployment));
    }
  }
}

// Recreate waits for the end of the last old pod.
void DeploymentController::OnPodGone(const Pod& pod) {
  const auto* owner = ControllerOf(pod.metadata());
  if (owner == nullptr || owner->kind() != "ReplicaSet") return;
  const auto set =
      context_.informers.replica_sets.Get(api::KeyOf(pod.metadata().namespace_(), owner->name()));
  if (set != nullptr) AddOwner(*set);
}

absl::Status DeploymentController::Sync(const std::string& key) {
  const auto deployment = context_.informers.deployments.Get(key);
  if (deployment == nullptr) return absl::OkStatus();
  const auto& selector = deployment->spec().selector();
  if (selector.match_labels().empty() && selector.match_expressions().empty()) {
    events_.Record(*deployment, "Warning", "SelectingAll",
                   "This deployment is selecting all pods. A non-empty selector is required.");
    return absl::OkStatus();
  }
  Pass pass;
  pass.deployment = *deployment;
  ASSIGN_OR_RETURN(
      pass.owned,
      ClaimObjects<ReplicaSet>(context_, client::kDeployments, *deployment, selector,
                               client::kReplicaSets, context_.informers.replica_set_index,
                               [](const ReplicaSet&) { return true; }),
      "claiming the sets of ", key);
  pass.Sort();
  if (!deployment->metadata().has_deletion_timestamp()) {
    const absl::Status resized = Resize(pass);
    if (pass.event == CurrentSetEvent::kCreateFailed) {
      RETURN_IF_ERROR(WriteStatus(pass), "writing the status of ", key);
    }
    RETURN_IF_ERROR(resized, "rolling out ", key);
  }
  return WriteStatus(pass);
}

absl::Status DeploymentController::Resize(Pass& pass) {
  const Deployment& deployment = pass.deployment;
  if (deployment.spec().paused() || NeedsScale(deployment, pass.sets)) {
    pass.rolling = false;
    RETURN_IF_ERROR(EnsureCurrent(pass, false));
    RETURN_IF_ERROR(ApplySizes(pass, PlanScale(pass.deployment, pass.sets)));
    return deployment.spec().paused() ? CleanUp(pass) : absl::OkStatus();
  }
  if (IsRecreate(deployment)) {
    RETURN_IF_ERROR(EnsureCurrent(pass, false));
    RETURN_IF_ERROR(ApplySizes(pass, PlanRecreateStep(pass.deployment, pass.sets, true)));
    if (OldPodsRun(pass)) return absl::OkStatus();
    RETURN_IF_ERROR(EnsureCurrent(pass, true));
    RETURN_IF_ERROR(ApplySizes(pass, PlanRecreateStep(pass.deployment, pass.sets, false)));
  } else {
    RETURN_IF_ERROR(EnsureCurrent(pass, true));
    RETURN_IF_ERROR(ApplySizes(pass, PlanRollingStep(pass.deployment, pass.sets)));
  }
  return IsComplete(pass.deployment, pass.deployment.status()) ? CleanUp(pass) : absl::OkStatus();
}

absl::Status DeploymentController::EnsureCurrent(Pass& pass, bool may_create) {
  const int64_t revision = NextRevision(pass.sets.old);
  if (pass.sets.current == nullptr) {
    return may_create ? CreateCurrent(pass, revision) : absl::OkStatus();
  }
  if (pass.event == CurrentSetEvent::kNone) pass.event = CurrentSetEvent::kFound;
  ReplicaSet set = *pass.sets.current;
  if (RefreshCurrentSet(pass.deployment, revision, set)) {
    ReplicaSet updated;
    RETURN_IF_ERROR(context_.api.Update(client::kReplicaSets, set, &updated), "updating ",
                    set.metadata().name());
    pass.Replace(std::move(updated));
  }
  return NoteRevision(pass);
}

absl::Status DeploymentController::CreateCurrent(Pass& pass, int64_t revision) {
  const Deployment& deployment = pass.deployment;
  const int size = InitialSize(deployment, pass.sets.old);
  const std::string hash =
      HashTemplate(deployment.spec().template_(), deployment.status().collision_count());
  const ReplicaSet wanted = MakeReplicaSet(deployment, hash, revision, size);
  ReplicaSet created;
  const absl::Status status = context_.api.Create(client::kReplicaSets, wanted, &created);
  if (absl::IsAlreadyExists(status)) return ResolveCollision(pass, wanted);
  if (!status.ok()) {
    pass.event = CurrentSetEvent::kCreateFailed;
    pass.create_error = base::StrCat("Failed to create new replica set \"",
                                     wanted.metadata().name(), "\": ", base::Message(status));
    events_.Record(deployment, "Warning", "ReplicaSetCreateError", pass.create_error);
    return status;
  }
  BERTH_INFO("replica set created", {"deployment", api::KeyOf(deployment)},
             {"replicaset", created.metadata().name()}, {"replicas", size});
  pass.event = CurrentSetEvent::kCreated;
  if (size > 0) {
    events_.Record(
        deployment, "Normal", "ScalingReplicaSet",
        base::StrCat("Scaled up replica set ", created.metadata().name(), " from 0 to ", size));
  }
  pass.Replace(std::move(created));
  return NoteRevision(pass);
}

// The name is taken: by our own set that the informer does not show yet, or by a foreign one, and
// then the next hash is another.
absl::Status DeploymentController::ResolveCollision(Pass& pass, const ReplicaSet& wanted) {
  ReplicaSet there;
  RETURN_IF_ERROR(context_.api.Get(client::kReplicaSets, wanted.metadata().namespace_(),
                                   wanted.metadata().name(), there));
  if (ControllerUid(there.metadata()) == pass.deployment.metadata().uid() &&
      SameTemplate(there.spec().template_(), pass.deployment.spec().template_())) {
    pass.event = CurrentSetEvent::kFound;
    pass.Replace(std::move(there));
    return NoteRevision(pass);
  }
  auto& status = *pass.deployment.mutable_status();
  status.set_collision_count(status.collision_count() + 1);
  RETURN_IF_ERROR(context_.api.UpdateStatus(client::kDeployments, pass.deployment, nullptr));
  return absl::AbortedError("another replica set has the name; trying the next one");
}

absl::Status DeploymentController::NoteRevision(Pass& pass) {
  const int64_t revision = RevisionOf(pass.sets.current->metadata());
  if (revision == 0 || RevisionOf(pass.deployment.metadata()) == revision) return absl::OkStatus();
  const nlohmann::json patch = {
      {"metadata", {{"annotations", {{kRevisionAnnotation, base::StrCat(revision)}}}}}};
  const auto& meta = pass.deployment.metadata();
  Deployment patched;
  RETURN_IF_ERROR(context_.api.Patch(client::kDeployments, meta.namespace_(), meta.name(), "",
                                     client::PatchType::kMerge, patch.dump(), &patched),
                  "annotating the revision");
  // A change of the spec meanwhile is for the next pass: its generation must not count as seen.
  if (patched.metadata().generation() != meta.generation()) {
    return absl::AbortedError("the deployment changed meanwhile");
  }
  pass.deployment = std::move(patched);
  return absl::OkStatus();
}

absl::Status DeploymentController::ApplySizes(Pass& pass, const std::vector<SetSize>& sizes) {
  std::vector<std::pair<ReplicaSet, int>> changes;  // `sizes` point into what Replace() drops
  for (const SetSize& size : sizes) changes.emplace_back(*size.set, size.replicas);
  for (auto& [set, replicas] : changes) {
    const int before = ReplicasOf(set);
    if (!controlplane::Resize(pass.deployment, replicas, set)) continue;
    ReplicaSet updated;
    RETURN_IF_ERROR(context_.api.Update(client::kReplicaSets, set, &updated), "resizing ",
                    set.metadata().name());
    if (before != replicas) {
      BERTH_INFO("replica set resized", {"replicaset", api::KeyOf(set)}, {"from", before},
                 {"to", replicas});
      events_.Record(pass.deployment, "Normal", "ScalingReplicaSet",
                     base::StrCat("Scaled ", before < replicas ? "up" : "down", " replica set ",
                                  set.metadata().name(), " from ", before, " to ", replicas));
    }
    pass.Replace(std::move(updated));
  }
  return absl::OkStatus();
}

absl::Status DeploymentController::CleanUp(Pass& pass) {
  for (const ReplicaSet* set : PlanHistoryCleanup(pass.deployment, pass.sets.old)) {
    const auto& meta = set->metadata();
    const absl::Status status = context_.api.Delete(client::kReplicaSets, meta.namespace_(),
                                                    meta.name(), {.uid = meta.uid()});
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    BERTH_INFO("old replica set removed", {"replicaset", api::KeyOf(*set)});
  }
  return absl::OkStatus();
}

bool DeploymentController::OldPodsRun(const Pass& pass) const {
  for (const ReplicaSet* set : pass.sets.old) {
    if (set->status().replicas() > 0) return true;
    for (const auto& pod :
         context_.informers.pod_index.Find<Pod>(OwnedTerm(set->metadata().uid()))) {
      if (!IsFinished(*pod)) return true;
    }
  }
  return false;
}

absl::Status DeploymentController::WriteStatus(Pass& pass) {
  const absl::Time now = context_.clock.Now();
  StatusInput input{pass.deployment,   pass.sets, pass.rolling, pass.event, "",
                    pass.create_error, now};
  if (pass.sets.current != nullptr) input.current_name = pass.sets.current->metadata().name();
  Deployment changed = pass.deployment;
  *changed.mutable_status() = DeploymentStatusOf(input);
  const auto check = ProgressCheckAfter(pass.deployment, changed.status(), now);
  if (check.has_value()) queue_.AddAfter(api::KeyOf(pass.deployment), *check);
  if (google::protobuf::util::MessageDifferencer::Equivalent(changed.status(),
                                                             pass.deployment.status())) {
    return absl::OkStatus();
  }
  const absl::Status status = context_.api.UpdateStatus(client::kDeployments, changed, nullptr);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace berth::controlplane
