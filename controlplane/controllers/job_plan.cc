// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/job_plan.h"

#include <algorithm>
#include <set>

#include "api/proto/batch/v1/batch.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"
#include "controlplane/controllers/job_indexes.h"
#include "controlplane/controllers/ownership.h"
#include "controlplane/controllers/pod_rank.h"
#include "controlplane/controllers/pod_state.h"

namespace berth::controlplane {
namespace {

using api::batch::v1::Job;
using api::batch::v1::JobCondition;
using api::batch::v1::JobStatus;
using api::core::v1::Pod;

constexpr absl::Duration kFirstWait = absl::Seconds(10);
constexpr absl::Duration kLongestWait = absl::Minutes(10);

const JobCondition* Find(const JobStatus& status, std::string_view type) {
  for (const JobCondition& condition : status.conditions()) {
    if (condition.type() == type) return &condition;
  }
  return nullptr;
}

bool Holds(const JobStatus& status, std::string_view type) {
  const JobCondition* condition = Find(status, type);
  return condition != nullptr && condition->status() == "True";
}

void SetCondition(std::string_view type, bool holds, std::string_view reason,
                  std::string_view message, absl::Time now, JobStatus& status) {
  auto& conditions = *status.mutable_conditions();
  auto it = std::find_if(conditions.begin(), conditions.end(),
                         [&](const JobCondition& c) { return c.type() == type; });
  JobCondition& condition = it != conditions.end() ? *it : *conditions.Add();
  const char* word = holds ? "True" : "False";
  if (condition.status() == word && condition.reason() == reason) return;
  condition.set_type(std::string(type));
  condition.set_status(word);
  condition.set_reason(std::string(reason));
  condition.set_message(std::string(message));
  SetTime(now, *condition.mutable_last_probe_time());
  SetTime(now, *condition.mutable_last_transition_time());
}

std::optional<int> IndexOf(const Pod& pod) {
  const auto it = pod.metadata().annotations().find(std::string(kJobIndex));
  if (it == pod.metadata().annotations().end()) return std::nullopt;
  return base::ParseInt<int>(it->second);
}

bool IsSucceeded(const Pod& pod) { return pod.status().phase() == "Succeeded"; }
// A pod that was deleted by somebody has failed, too: it may never report an end.
bool IsFailed(const Pod& pod) {
  return pod.status().phase() == "Failed" || (IsTerminating(pod) && !IsSucceeded(pod));
}

absl::Time EndOf(const Pod& pod, absl::Time now) {
  absl::Time end = absl::InfinitePast();
  for (const auto& container : pod.status().container_statuses()) {
    if (!container.state().has_terminated()) continue;
    end = std::max(end, ToTime(container.state().terminated().finished_at()));
  }
  return end == absl::InfinitePast() ? now : end;
}

template <class List>
bool Contains(const List& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

class Planner {
 public:
  Planner(const JobInput& in, JobStatus& status, JobPlan& plan)
      : in_(in), job_(in.job), status_(status), plan_(plan) {}

  void Run() {
    CountEnds();
    for (const PodPtr& pod : in_.pods) {
      if (IsActive(*pod)) active_.push_back(pod);
      if (IsTerminating(*pod) && !IsFinished(*pod)) ++terminating_;
    }
    if (IsJobFinished(job_)) {
      plan_.remove = active_;
      Expire();
    } else {
      Judge();
    }
    Summarize();
  }

 private:
  int succeeded() const {
    return status_.succeeded() + status_.uncounted_terminated_pods().succeeded_size();
  }
  int failed() const {
    return status_.failed() + status_.uncounted_terminated_pods().failed_size();
  }
  int completions() const { return job_.spec().completions(); }

  void CountEnds() {
    // Indexes are counted as such; their pods are only released.
    auto& uncounted = *status_.mutable_uncounted_terminated_pods();
    std::set<std::string> held;
    for (const PodPtr& pod : in_.pods) {
      if (HasJobFinalizer(*pod)) held.insert(pod->metadata().uid());
    }
    status_.set_succeeded(status_.succeeded() + Fold(held, *uncounted.mutable_succeeded()));
    status_.set_failed(status_.failed() + Fold(held, *uncounted.mutable_failed()));
    std::set<int> done = ParseIndexes(status_.completed_indexes(), completions());
    for (const PodPtr& pod : in_.pods) {
      const std::string& uid = pod->metadata().uid();
      if (held.count(uid) == 0 || (!IsSucceeded(*pod) && !IsFailed(*pod))) continue;
      if (IsIndexed(job_) && IsSucceeded(*pod)) {
        if (const auto index = IndexOf(*pod)) done.insert(*index);
      } else if (IsSucceeded(*pod)) {
        if (!Contains(uncounted.succeeded(), uid)) uncounted.add_succeeded(uid);
      } else if (!Contains(uncounted.failed(), uid)) {
        uncounted.add_failed(uid);
      }
      plan_.release.push_back(pod);
    }
    if (!IsIndexed(job_)) return;
    status_.set_completed_indexes(FormatIndexes(done));
    status_.set_succeeded(static_cast<int>(done.size()));
  }

  // Takes out those whose finalizer is gone, and returns how many these were.
  template <class List>
  static int Fold(const std::set<std::string>& held, List& uids) {
    const int before = uids.size();
    for (int i = before - 1; i >= 0; --i) {
      if (held.count(uids[i]) == 0) uids.DeleteSubrange(i, 1);
    }
    return before - uids.size();
  }

  void Judge() {
    const auto& spec = job_.spec();
    if (!status_.has_start_time() && !spec.suspend()) {
      SetTime(in_.now, *status_.mutable_start_time());
    }
    if (!Holds(status_, "FailureTarget") && !Holds(status_, "SuccessCriteriaMet")) {
      FindFailure();
      if (!Holds(status_, "FailureTarget")) FindSuccess();
    }
    if (Holds(status_, "FailureTarget") || Holds(status_, "SuccessCriteriaMet")) return Finish();
    if (spec.suspend()) return Suspend();
    if (const JobCondition* suspended = Find(status_, "Suspended");
        suspended != nullptr && suspended->status() == "True") {
      SetCondition("Suspended", false, "JobResumed", "Job resumed", in_.now, status_);
      SetTime(in_.now, *status_.mutable_start_time());
      plan_.events.push_back({"Normal", "Resumed", "Job resumed"});
    }
    if (spec.has_active_deadline_seconds()) Again(Deadline() - in_.now);
    Replenish();
  }

  absl::Time Deadline() const {
    return ToTime(status_.start_time()) + absl::Seconds(job_.spec().active_deadline_seconds());
  }

  void FindFailure() {
    const int limit = job_.spec().has_backoff_limit() ? job_.spec().backoff_limit() : 6;
    int restarts = 0;
    if (job_.spec().template_().spec().restart_policy() == "OnFailure") {
      for (const PodPtr& pod : in_.pods) {
        for (const auto& container : pod->status().container_statuses()) {
          restarts += container.restart_count();
        }
      }
    }
    if (failed() > limit || (restarts > 0 && restarts >= limit)) {
      SetCondition("FailureTarget", true, "BackoffLimitExceeded",
                   "Job has reached the specified backoff limit", in_.now, status_);
    } else if (job_.spec().has_active_deadline_seconds() && status_.has_start_time() &&
               !job_.spec().suspend() && Deadline() <= in_.now) {
      SetCondition("FailureTarget", true, "DeadlineExceeded",
                   "Job was active longer than specified deadline", in_.now, status_);
    }
  }

  void FindSuccess() {
    // Without a number of completions the first success ends the Job with its last pod.
    const bool reached = job_.spec().has_completions() ? succeeded() >= completions()
                                                       : succeeded() > 0 && active_.empty();
    if (!reached) return;
    SetCondition("SuccessCriteriaMet", true, "CompletionsReached",
                 "Reached expected number of succeeded pods", in_.now, status_);
  }

  // The outcome is clear; it is told when the last pod is gone and every end is counted.
  void Finish() {
    plan_.remove = active_;
    const auto& uncounted = status_.uncounted_terminated_pods();
    if (!active_.empty() || terminating_ > 0 || !plan_.release.empty() ||
        uncounted.succeeded_size() + uncounted.failed_size() > 0) {
      return;
    }
    if (const JobCondition* target = Find(status_, "FailureTarget"); target != nullptr) {
      const std::string reason = target->reason(), message = target->message();
      SetCondition("Failed", true, reason, message, in_.now, status_);
      plan_.events.push_back({"Warning", reason, message});
    } else {
      SetCondition("Complete", true, "CompletionsReached",
                   "Reached expected number of succeeded pods", in_.now, status_);
      SetTime(in_.now, *status_.mutable_completion_time());
      plan_.events.push_back({"Normal", "Completed", "Job completed"});
    }
    if (job_.spec().has_ttl_seconds_after_finished()) {
      Again(absl::Seconds(job_.spec().ttl_seconds_after_finished()));
    }
  }

  void Suspend() {
    plan_.remove = active_;
    if (Holds(status_, "Suspended")) return;
    SetCondition("Suspended", true, "JobSuspended", "Job suspended", in_.now, status_);
    status_.clear_start_time();
    plan_.events.push_back({"Normal", "Suspended", "Job suspended"});
  }

  void Replenish() {
    const int active = static_cast<int>(active_.size());
    const int parallelism = job_.spec().has_parallelism() ? job_.spec().parallelism() : 1;
    int wanted = parallelism;
    if (job_.spec().has_completions()) {
      wanted = std::min(parallelism, completions() - succeeded());
    } else if (succeeded() > 0) {
      wanted = std::min(parallelism, active);
    }
    if (active > wanted) {
      plan_.remove = RankForDeletion(active_, active_, in_.now);
      plan_.remove.resize(active - wanted);
    }
    if (active >= wanted) return;
    if (const absl::Duration wait = BackoffLeft(); wait > absl::ZeroDuration()) return Again(wait);
    plan_.create = std::min(wanted - active, kJobBurst);
    if (IsIndexed(job_)) {
      plan_.indexes = FreeIndexes(plan_.create);
      plan_.create = static_cast<int>(plan_.indexes.size());
    }
  }

  std::vector<int> FreeIndexes(int count) const {
    std::set<int> taken = ParseIndexes(status_.completed_indexes(), completions());
    for (const PodPtr& pod : active_) {
      if (const auto index = IndexOf(*pod)) taken.insert(*index);
    }
    std::vector<int> free;
    for (int i = 0; i < completions() && static_cast<int>(free.size()) < count; ++i) {
      if (taken.count(i) == 0) free.push_back(i);
    }
    return free;
  }

  // Doubles with each failure since the last success.
  absl::Duration BackoffLeft() const {
    absl::Time success = absl::InfinitePast(), failure = absl::InfinitePast();
    for (const PodPtr& pod : in_.pods) {
      if (IsSucceeded(*pod)) success = std::max(success, EndOf(*pod, in_.now));
    }
    int failures = 0;
    for (const PodPtr& pod : in_.pods) {
      if (pod->status().phase() != "Failed" || EndOf(*pod, in_.now) <= success) continue;
      failure = std::max(failure, EndOf(*pod, in_.now));
      ++failures;
    }
    if (failures == 0) return absl::ZeroDuration();
    absl::Duration wait = kFirstWait;
    for (int i = 1; i < failures && wait < kLongestWait; ++i) wait *= 2;
    return failure + std::min(wait, kLongestWait) - in_.now;
  }

  void Expire() {
    if (!job_.spec().has_ttl_seconds_after_finished()) return;
    const JobCondition* end = Find(job_.status(), "Complete");
    if (end == nullptr || end->status() != "True") end = Find(job_.status(), "Failed");
    const absl::Duration left = ToTime(end->last_transition_time()) +
                                absl::Seconds(job_.spec().ttl_seconds_after_finished()) - in_.now;
    plan_.expired = left <= absl::ZeroDuration();
    if (!plan_.expired) Again(left);
  }

  void Summarize() {
    int ready = 0;
    for (const PodPtr& pod : active_) ready += IsReady(*pod) ? 1 : 0;
    status_.set_active(static_cast<int>(active_.size() - plan_.remove.size()));
    status_.set_ready(ready);
    status_.set_terminating(terminating_);
    if (plan_.remove.size() > kJobBurst) plan_.remove.resize(kJobBurst);
  }

  void Again(absl::Duration after) {
    plan_.again = std::min(plan_.again, std::max(after, absl::ZeroDuration()));
  }

  const JobInput& in_;
  const Job& job_;
  JobStatus& status_;
  JobPlan& plan_;
  std::vector<PodPtr> active_;
  int terminating_ = 0;
};

void TellIndex(int index, Pod& pod) {
  const std::string text = base::StrCat(index);
  const std::string key(kJobIndex);
  (*pod.mutable_metadata()->mutable_annotations())[key] = text;
  (*pod.mutable_metadata()->mutable_labels())[key] = text;
  const auto tell = [&key](auto& containers) {
    for (auto& container : containers) {
      const bool there =
          std::any_of(container.env().begin(), container.env().end(),
                      [](const auto& e) { return e.name() == "JOB_COMPLETION_INDEX"; });
      if (there) continue;
      auto& env = *container.add_env();
      env.set_name("JOB_COMPLETION_INDEX");
      auto& field = *env.mutable_value_from()->mutable_field_ref();
      field.set_api_version("v1");
      field.set_field_path(base::StrCat("metadata.annotations['", key, "']"));
    }
  };
  tell(*pod.mutable_spec()->mutable_containers());
  tell(*pod.mutable_spec()->mutable_init_containers());
}

}  // namespace

bool IsJobFinished(const Job& job) {
  return Holds(job.status(), "Complete") || Holds(job.status(), "Failed");
}

bool HasJobFinalizer(const Pod& pod) {
  return Contains(pod.metadata().finalizers(), std::string(kJobFinalizer));
}

bool IsIndexed(const Job& job) { return job.spec().completion_mode() == "Indexed"; }

JobPlan PlanJob(const JobInput& input, JobStatus& status) {
  JobPlan plan;
  status = input.job.status();
  Planner(input, status, plan).Run();
  return plan;
}

Pod MakeJobPod(const Job& job, std::optional<int> index) {
  Pod pod;
  const auto& from = job.spec().template_();
  *pod.mutable_spec() = from.spec();
  auto& meta = *pod.mutable_metadata();
  *meta.mutable_labels() = from.metadata().labels();
  *meta.mutable_annotations() = from.metadata().annotations();
  *meta.mutable_finalizers() = from.metadata().finalizers();
  meta.add_finalizers(std::string(kJobFinalizer));
  meta.set_namespace_(job.metadata().namespace_());
  std::string prefix = base::StrCat(job.metadata().name(), "-");
  if (index.has_value()) {
    TellIndex(*index, pod);
    if (pod.spec().hostname().empty()) {
      pod.mutable_spec()->set_hostname(base::StrCat(prefix, *index));
    }
    base::StrAppend(prefix, *index, "-");
  }
  meta.set_generate_name(prefix);
  AddControllerRef(job, meta);
  return pod;
}

}  // namespace berth::controlplane
