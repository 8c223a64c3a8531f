// SPDX-License-Identifier: Apache-2.0
#include "agent/pods/pod_worker.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <random>
#include <utility>

#include "agent/observe/read_pod.h"
#include "agent/sources/static_pod.h"
#include "api/object.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;

constexpr absl::Duration kFirstRetry = absl::Milliseconds(500);
constexpr absl::Duration kMaxRetry = absl::Seconds(10);
// A sandbox, its containers and the report are three; then others get the thread.
constexpr int kRounds = 10;

// Spreads the resyncs of many pods.
absl::Duration Jittered(absl::Duration base) {
  thread_local std::minstd_rand random(std::random_device{}());
  return base * (1 + 0.5 * std::uniform_real_distribution<double>(0, 1)(random));
}

bool Same(const google::protobuf::Map<std::string, std::string>& a,
          const google::protobuf::Map<std::string, std::string>& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const auto& entry) {
           const auto it = b.find(entry.first);
           return it != b.end() && it->second == entry.second;
         });
}

// Whether more than what the node itself writes differs.
bool IsOtherWish(const Pod& before, const Pod& after) {
  const auto& a = before.metadata();
  const auto& b = after.metadata();
  using google::protobuf::util::MessageDifferencer;
  const bool gates = after.spec().readiness_gates_size() > 0;
  return gates || a.has_deletion_timestamp() != b.has_deletion_timestamp() ||
         a.deletion_grace_period_seconds() != b.deletion_grace_period_seconds() ||
         a.generation() != b.generation() || !Same(a.labels(), b.labels()) ||
         !Same(a.annotations(), b.annotations()) ||
         !MessageDifferencer::Equals(before.spec(), after.spec());
}

}  // namespace

PodWorker::PodWorker(const WorkerContext& context, std::shared_ptr<const Pod> pod,
                     absl::Time arrived)
    : context_(context),
      uid_(pod->metadata().uid()),
      arrived_(arrived),
      static_(IsStaticPod(*pod)),
      inbox_(pod),
      report_(pod),
      pod_(pod),
      backoff_(context.options.max_restart_backoff) {
  report_status_ = !IsTerminalPhase(pod->status().phase());
}

bool PodWorker::Update(std::shared_ptr<const Pod> pod) {
  base::MutexLock l(mu_);
  const bool wanted = IsOtherWish(*inbox_, *pod);
  inbox_ = std::move(pod);
  return wanted;
}

void PodWorker::Gone() {
  base::MutexLock l(mu_);
  gone_ = true;
}

void PodWorker::End(PodVerdict verdict) {
  base::MutexLock l(mu_);
  if (!verdict_.has_value()) verdict_ = std::move(verdict);
}

void PodWorker::Reject(PodVerdict verdict) {
  rejected_ = true;
  End(std::move(verdict));
}

bool PodWorker::ending() const {
  base::MutexLock l(mu_);
  return gone_ || verdict_.has_value() || phase_ != Phase::kSyncing ||
         inbox_->metadata().has_deletion_timestamp();
}

void PodWorker::FreeContainers() {
  base::MutexLock l(mu_);
  free_containers_ = phase_ == Phase::kTerminated;
}

std::shared_ptr<const Pod> PodWorker::Report() const {
  base::MutexLock l(mu_);
  return report_;
}

std::shared_ptr<const PodObservation> PodWorker::Seen() const {
  base::MutexLock l(mu_);
  return published_seen_;
}

PodWorker::Phase PodWorker::phase() const {
  base::MutexLock l(mu_);
  return phase_;
}

bool PodWorker::finished() const {
  base::MutexLock l(mu_);
  return finished_;
}

bool PodWorker::gone() const {
  base::MutexLock l(mu_);
  return gone_;
}

bool PodWorker::active() const {
  base::MutexLock l(mu_);
  return !finished_ && !rejected_ && phase_ != Phase::kTerminated;
}

void PodWorker::Measure(void (KubeletMetrics::*measure)(absl::Duration)) {
  if (context_.metrics == nullptr || arrived_ == absl::InfinitePast()) return;
  (context_.metrics->*measure)(context_.clock.Now() - arrived_);
}

absl::Time PodWorker::TakeRunningSince() {
  absl::Time first = absl::InfiniteFuture();
  for (const auto& container : seen_.containers) {
    const auto it = began_.find(container.id);
    if (it == began_.end()) continue;
    if (container.phase == ContainerPhase::kRunning) first = std::min(first, it->second);
    began_.erase(it);
  }
  return first;
}

void PodWorker::MeasureFirstCall() {
  if (!std::exchange(measured_, true)) Measure(&KubeletMetrics::FirstRuntimeCall);
}

void PodWorker::RuntimeChanged() {
  base::MutexLock l(mu_);
  runtime_changed_ = true;
}

absl::Status PodWorker::Observe(bool must) {
  const absl::Time now = context_.clock.Now();
  {
    base::MutexLock l(mu_);
    must = std::exchange(runtime_changed_, false) || must;
  }
  if (!must && now - observed_at_ < context_.options.sync_frequency) return absl::OkStatus();
  // A new pod has nothing in the runtime: not worth a question.
  if (!must && arrived_ != absl::InfinitePast() && observed_at_ == absl::InfinitePast() &&
      !context_.in_runtime(uid_)) {
    seen_.uid = uid_;
  } else {
    MeasureFirstCall();
    auto read = ReadPod(context_.runtime, uid_, context_.options.runtime_request_timeout);
    if (!read.ok()) {
      RuntimeChanged();
      return read.status();
    }
    seen_ = *std::move(read);
  }
  observed_at_ = now;
  Seeing();
  return absl::OkStatus();
}

void PodWorker::Seeing() {
  context_.observed(seen_);
  auto shared = std::make_shared<const PodObservation>(seen_);
  base::MutexLock l(mu_);
  published_seen_ = std::move(shared);
}

void PodWorker::Sync() {
  for (int round = 0; round < kRounds; ++round) {
    if (!SyncOnce()) return;
  }
  context_.poke(uid_, absl::ZeroDuration());
}

bool PodWorker::SyncOnce() {
  Phase phase;
  {
    base::MutexLock l(mu_);
    if (finished_) return false;
    pod_ = inbox_;
    phase = phase_;
    if (static_) {
      // No API tells its status back.
      auto pod = std::make_shared<Pod>(*inbox_);
      *pod->mutable_status() = report_->status();
      pod_ = std::move(pod);
    }
  }
  if (phase == Phase::kTerminated) {
    SyncTerminated();
    return false;
  }
  EndSleeps();
  const bool ends = phase == Phase::kTerminating || MustTerminate();
  if (const absl::Status status = Observe(ends); !status.ok()) {
    Retry("reading the pod", status);
    return false;
  }
  SyncProbes(phase == Phase::kTerminating);
  if (!ends) return SyncRunning();
  {
    base::MutexLock l(mu_);
    phase_ = Phase::kTerminating;
  }
  SyncTerminating();
  return false;
}

// A step failed: again after a while, longer each time.
void PodWorker::Retry(std::string_view what, const absl::Status& error) {
  BERTH_WARNING("pod step failed", {"pod", api::KeyOf(*pod_)}, {"step", what}, {"error", error});
  const absl::Duration delay = std::min(kMaxRetry, kFirstRetry * (1 << std::min(failures_, 10)));
  ++failures_;
  RuntimeChanged();
  context_.poke(uid_, delay);
}

bool PodWorker::DeadlineExceeded() {
  if (!pod_->spec().has_active_deadline_seconds() || !pod_->status().has_start_time()) return false;
  const absl::Time end = absl::FromUnixSeconds(pod_->status().start_time().seconds()) +
                         absl::Seconds(pod_->spec().active_deadline_seconds());
  if (context_.clock.Now() < end) {
    context_.poke(uid_, end - context_.clock.Now());
    return false;
  }
  PodVerdict verdict{"DeadlineExceeded",
                     "Pod was active on the node longer than the specified deadline"};
  context_.event(*pod_, "Normal", verdict.reason, verdict.message, "");
  End(std::move(verdict));
  return true;
}

bool PodWorker::MustTerminate() {
  {
    base::MutexLock l(mu_);
    if (gone_ || verdict_.has_value()) return true;
  }
  return pod_->metadata().has_deletion_timestamp() || IsTerminalPhase(pod_->status().phase()) ||
         DeadlineExceeded();
}

void PodWorker::Publish(bool terminating) {
  std::optional<PodVerdict> verdict;
  bool gone = false;
  {
    base::MutexLock l(mu_);
    verdict = verdict_;
    gone = gone_;
  }
  if (!report_status_ || gone) return;
  const StatusInputs inputs{
      *pod_,
      seen_,
      view_,
      [this](const std::string& id) { return context_.probes.Ready(uid_, id); },
      waiting_,
      verdict,
      context_.options.node_ips,
      context_.options.container_runtime_name,
      context_.clock.Now(),
      terminating};
  auto report = std::make_shared<Pod>(*pod_);
  *report->mutable_status() = ComputePodStatus(inputs);
  // Times that the API has not seen yet stay what they were said to be.
  std::shared_ptr<const Pod> before = Report();
  if (!pod_->status().has_start_time() && before->status().has_start_time()) {
    *report->mutable_status()->mutable_start_time() = before->status().start_time();
  }
  for (auto& condition : *report->mutable_status()->mutable_conditions()) {
    for (const auto& old : before->status().conditions()) {
      if (old.type() == condition.type() && old.status() == condition.status() &&
          old.has_last_transition_time()) {
        *condition.mutable_last_transition_time() = old.last_transition_time();
      }
    }
  }
  if (rejected_) {
    report->mutable_status()->clear_container_statuses();
    report->mutable_status()->clear_init_container_statuses();
    report->mutable_status()->clear_conditions();
    *report->mutable_status()->mutable_conditions() = pod_->status().conditions();
  }
  if (static_) {
    TakeRunningSince();
    context_.mirror_status(*pod_, report->status());
  } else {
    context_.statuses.Set(*pod_, report->status(), TakeRunningSince());
  }
  base::MutexLock l(mu_);
  report_ = std::move(report);
}

void PodWorker::Resync() { context_.poke(uid_, Jittered(context_.options.sync_frequency)); }

bool PodWorker::SyncRunning() {
  ran_here_ = true;
  LookAtHooks();
  std::set<std::string> stopping;
  {
    base::MutexLock l(mu_);
    for (const auto& [id, until] : stopping_) stopping.insert(id);
  }
  const PodActions actions =
      ComputePodActions({*pod_, seen_, view_, backoff_, context_.clock.Now(), stopping});
  const auto hooks = RunningHooks();
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const ObservedContainer* now = seen_.Latest(it->first);
    const bool running = now != nullptr && now->phase == ContainerPhase::kRunning;
    const bool exited = now != nullptr && now->phase == ContainerPhase::kExited;
    const bool failed_hook = it->second.reason == "PostStartHookError";
    const bool over = it->second.reason == "CrashLoopBackOff" || (failed_hook && exited) ||
                      (running && !failed_hook && !hooks.contains(now->id));
    it = over ? waiting_.erase(it) : std::next(it);
  }
  for (const auto& entry : actions.backoff) {
    waiting_[entry.name] = {"CrashLoopBackOff", entry.message};
    context_.poke(uid_, entry.until - context_.clock.Now());
    if (backoff_told_[entry.name] != entry.until) {
      backoff_told_[entry.name] = entry.until;
      context_.event(
          *pod_, "Warning", "BackOff",
          base::StrCat("Back-off restarting failed container ", entry.name, " in pod ",
                       pod_->metadata().name(), "_", pod_->metadata().namespace_(), "(", uid_, ")"),
          entry.name);
    }
  }
  Publish(false);
  if (IsTerminalPhase(Report()->status().phase())) {
    {
      base::MutexLock l(mu_);
      phase_ = Phase::kTerminating;
    }
    return true;
  }
  if (!actions.Idle()) return Execute(actions);
  failures_ = 0;
  if (context_.clock.Now() - volumes_at_ > context_.options.sync_frequency) {
    if (const absl::Status status = EnsureVolumes(); !status.ok()) {
      Retry("refreshing volumes", status);
      return false;
    }
  }
  CollectGarbage();
  Resync();
  return false;
}

void PodWorker::SyncTerminating() {
  if (seen_.AnyRunning()) {
    KillAll();
    Publish(true);
    // What stops pokes the pod; this is for a stop whose end nobody tells of.
    return context_.poke(uid_, absl::Seconds(10));
  }
  if (const absl::Status status = StopSandboxes(); !status.ok()) {
    return Retry("stopping the sandbox", status);
  }
  Publish(true);
  context_.probes.Remove(uid_);
  if (const absl::Status status = context_.volumes.TearDown(uid_);
      !status.ok() && !absl::IsNotFound(status)) {
    return Retry("removing volumes", status);
  }
  if (const absl::Status status = context_.cgroups.RemovePod(uid_); !status.ok()) {
    // Dead processes take a moment to leave their group.
    if (absl::IsFailedPrecondition(status) && failures_ < 50) {
      ++failures_;
      return context_.poke(uid_, absl::Milliseconds(100));
    }
    return Retry("removing the cgroup", status);
  }
  failures_ = 0;
  {
    base::MutexLock l(mu_);
    phase_ = Phase::kTerminated;
  }
  BERTH_INFO("pod ended", {"pod", api::KeyOf(*pod_)}, {"uid", uid_},
             {"phase", Report()->status().phase()});
  SyncTerminated();
}

void PodWorker::SyncTerminated() {
  bool gone = false;
  bool free = false;
  {
    base::MutexLock l(mu_);
    gone = gone_;
    free = std::exchange(free_containers_, false);
  }
  if (!gone && !pod_->metadata().has_deletion_timestamp()) {
    if (!free) return;
    if (const absl::Status status = RemoveSandboxes(); !status.ok()) {
      BERTH_WARNING("an ended pod keeps its containers", {"pod", api::KeyOf(*pod_)},
                    {"error", status});
    }
    return;
  }
  // The last status comes before the end of the object; the writer pokes when it is there.
  if (!gone && !context_.statuses.Written(uid_)) return;
  if (const absl::Status status = RemoveSandboxes(); !status.ok()) {
    return Retry("removing the sandbox", status);
  }
  const auto& meta = pod_->metadata();
  if (const absl::Status status = context_.files.RemovePod(meta.namespace_(), meta.name(), uid_);
      !status.ok()) {
    return Retry("removing the pod's files", status);
  }
  if (!gone) return context_.statuses.Delete(*pod_);
  context_.statuses.Forget(uid_);
  base::MutexLock l(mu_);
  finished_ = true;
}

}  // namespace berth::agent
