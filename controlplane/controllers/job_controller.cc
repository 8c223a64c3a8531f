// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/job_controller.h"

#include <google/protobuf/util/message_differencer.h>

#include <nlohmann/json.hpp>

#include "api/proto/batch/v1/batch.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "controlplane/controllers/claim.h"
#include "controlplane/controllers/ownership.h"
#include "controlplane/controllers/pod_state.h"
#include "controlplane/controllers/replica_set_plan.h"

namespace berth::controlplane {

JobController::JobController(Context& context, client::EventRecorder& events)
    : context_(context),
      events_(events),
      expectations_(context.clock),
      writes_(context.clock),
      queue_(context, "job", [this](const std::string& key) { return Sync(key); }) {
  Informers& informers = context_.informers;
  informers.OnChange<Job>(informers.jobs,
                          [this](const std::string& key, const Job* before, const Job* after) {
                            if (after == nullptr) {
                              expectations_.Forget(before->metadata().uid());
                              writes_.Forget(key);
                            }
                            queue_.Add(key);
                          });
  informers.OnChange<Pod>(informers.pods, [this](const std::string&, const Pod* before,
                                                 const Pod* after) { OnPod(before, after); });
}

void JobController::Begin() {
  queue_.AddAll(context_.informers.jobs);
  for (const auto& pod : context_.informers.pods.List()) OnPod(nullptr, pod.get());
}

void JobController::OnPod(const Pod* before, const Pod* after) {
  const Pod& pod = after != nullptr ? *after : *before;
  const auto* owner = ControllerOf(pod.metadata());
  if (owner == nullptr || owner->kind() != "Job") return;
  if (before == nullptr) expectations_.CreationObserved(owner->uid());
  if (after == nullptr || IsTerminating(pod)) {
    expectations_.DeletionObserved(owner->uid(), pod.metadata().uid());
  }
  queue_.Add(api::KeyOf(pod.metadata().namespace_(), owner->name()));
}

absl::Status JobController::Sync(const std::string& key) {
  const auto job = context_.informers.jobs.Get(key);
  if (job == nullptr || job->metadata().has_deletion_timestamp()) return ReleaseOrphans(key);
  const std::string& uid = job->metadata().uid();
  // An older status than the one that was written would count ends anew.
  const bool settled = writes_.Settled(key, [this](const std::string& k) {
    const auto seen = context_.informers.jobs.Get(k);
    return seen == nullptr ? std::nullopt : std::optional(seen->metadata().resource_version());
  });
  if (!settled) {
    queue_.AddAfter(key, absl::Seconds(1));
    return absl::OkStatus();
  }
  JobInput input{.job = *job, .pods = {}, .now = context_.clock.Now()};
  ASSIGN_OR_RETURN(input.pods,
                   ClaimObjects<Pod>(context_, client::kJobs, *job, job->spec().selector(),
                                     client::kPods, context_.informers.pod_index,
                                     [](const Pod& pod) { return !IsFinished(pod); }),
                   "claiming pods of ", key);
  if (!expectations_.Satisfied(uid)) {
    queue_.AddAfter(key, expectations_.Deadline(uid) - input.now + absl::Seconds(1));
    return absl::OkStatus();
  }
  Job changed = *job;
  const JobPlan plan = PlanJob(input, *changed.mutable_status());
  if (plan.expired) {
    BERTH_INFO("finished job removed after its ttl", {"job", key});
    const auto& meta = job->metadata();
    const absl::Status status =
        context_.api.Delete(client::kJobs, meta.namespace_(), meta.name(),
                            {.uid = meta.uid(), .propagation_policy = "Background"});
    return absl::IsNotFound(status) ? absl::OkStatus() : status;
  }
  // The status comes first: what it notes may then lose its finalizer.
  RETURN_IF_ERROR(WriteStatus(*job, std::move(changed)), "writing the status of ", key);
  for (const JobEvent& event : plan.events) {
    events_.Record(*job, event.type, event.reason, event.message);
  }
  return Carry(key, *job, plan);
}

absl::Status JobController::Carry(const std::string& key, const Job& job, const JobPlan& plan) {
  if (plan.again < absl::InfiniteDuration()) queue_.AddAfter(key, plan.again);
  for (const PodPtr& pod : plan.release) {
    RETURN_IF_ERROR(Release(*pod), "releasing ", pod->metadata().name());
  }
  if (!plan.remove.empty()) RETURN_IF_ERROR(DeletePods(job, plan.remove));
  return plan.create > 0 ? CreatePods(job, plan) : absl::OkStatus();
}

absl::Status JobController::CreatePods(const Job& job, const JobPlan& plan) {
  const std::string& uid = job.metadata().uid();
  BERTH_INFO("creating pods", {"job", api::KeyOf(job)}, {"count", plan.create});
  expectations_.ExpectCreations(uid, plan.create);
  absl::Status failed;
  int next = 0;
  for (const int batch : SlowStartBatches(plan.create)) {
    for (int i = 0; i < batch; ++i, ++next) {
      std::optional<int> index;
      if (IsIndexed(job)) index = plan.indexes[next];
      Pod created;
      const absl::Status status =
          context_.api.Create(client::kPods, MakeJobPod(job, index), &created);
      if (status.ok()) {
        events_.Record(job, "Normal", "SuccessfulCreate",
                       base::StrCat("Created pod: ", created.metadata().name()));
        continue;
      }
      failed = status;
      expectations_.CreationObserved(uid);
      events_.Record(job, "Warning", "FailedCreate",
                     base::StrCat("Error creating: ", base::Message(status)));
    }
    if (!failed.ok()) break;
  }
  for (; next < plan.create; ++next) expectations_.CreationObserved(uid);  // those not tried
  return failed;
}

absl::Status JobController::DeletePods(const Job& job, const std::vector<PodPtr>& pods) {
  BERTH_INFO("deleting pods", {"job", api::KeyOf(job)}, {"count", pods.size()});
  for (const PodPtr& pod : pods) {
    const auto& meta = pod->metadata();
    RETURN_IF_ERROR(Release(*pod), "releasing ", meta.name());
    expectations_.ExpectDeletions(job.metadata().uid(), {meta.uid()});
    const absl::Status status =
        context_.api.Delete(client::kPods, meta.namespace_(), meta.name(), {.uid = meta.uid()});
    if (status.ok()) {
      events_.Record(job, "Normal", "SuccessfulDelete", base::StrCat("Deleted pod: ", meta.name()));
      continue;
    }
    expectations_.DeletionObserved(job.metadata().uid(), meta.uid());
    if (!absl::IsNotFound(status)) return status;
  }
  return absl::OkStatus();
}

absl::Status JobController::Release(const Pod& pod) {
  if (!HasJobFinalizer(pod)) return absl::OkStatus();
  const nlohmann::json patch = {
      {"metadata",
       {{"uid", pod.metadata().uid()}, {"$deleteFromPrimitiveList/finalizers", {kJobFinalizer}}}}};
  const absl::Status status =
      context_.api.Patch(client::kPods, pod.metadata().namespace_(), pod.metadata().name(), "",
                         client::PatchType::kStrategicMerge, patch.dump(), nullptr);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::Status JobController::ReleaseOrphans(const std::string& key) {
  const auto [space, name] = api::SplitKey(key);
  const auto job = context_.informers.jobs.Get(key);
  for (const auto& pod : context_.informers.pod_index.Find<Pod>(NamespaceTerm(space))) {
    const auto* owner = ControllerOf(pod->metadata());
    if (owner == nullptr || owner->kind() != "Job" || owner->name() != name) continue;
    if (job != nullptr && job->metadata().uid() != owner->uid()) continue;
    RETURN_IF_ERROR(Release(*pod), "releasing ", pod->metadata().name());
  }
  return absl::OkStatus();
}

absl::Status JobController::WriteStatus(const Job& job, Job changed) {
  if (google::protobuf::util::MessageDifferencer::Equivalent(changed.status(), job.status())) {
    return absl::OkStatus();
  }
  const absl::Status status = context_.api.UpdateStatus(client::kJobs, changed, nullptr);
  if (status.ok()) {
    const std::string key = api::KeyOf(job);
    writes_.Note(key, key, job.metadata().resource_version());
  }
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace berth::controlplane
