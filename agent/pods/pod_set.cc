// SPDX-License-Identifier: Apache-2.0
#include "agent/pods/pod_set.h"

#include <algorithm>

#include "agent/eviction/ranking.h"
#include "agent/pods/admission.h"
#include "agent/pods/preemption.h"
#include "agent/sources/static_pod.h"
#include "api/object.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;

// A key that no uid can be.
constexpr char kAdmit[] = "/admit";

// A pod of which only the runtime knows.
std::shared_ptr<const Pod> OrphanPod(const std::string& uid, const RuntimePod& runtime) {
  auto pod = std::make_shared<Pod>();
  pod->mutable_metadata()->set_uid(uid);
  pod->mutable_metadata()->set_namespace_(runtime.namespace_);
  pod->mutable_metadata()->set_name(runtime.name);
  return pod;
}

}  // namespace

PodSet::PodSet(const WorkerContext& context, base::Executor& executor, NodeSource node,
               PodSources sources)
    : context_(context),
      node_(std::move(node)),
      initial_node_(std::move(sources.initial_node)),
      silent_(std::move(sources.expected)),
      queue_(executor, context.clock,
             [this](const std::string& key) { key == kAdmit ? AdmitWaiting() : Handle(key); }) {}

void PodSet::Deliver(PodPtr pod) {
  const std::string uid = pod->metadata().uid();
  if (!IsStaticPod(*pod)) context_.statuses.Seen(pod);
  {
    base::MutexLock l(mu_);
    const auto it = workers_.find(uid);
    if (it == workers_.end()) {
      const auto [entry, is_new] = waiting_.try_emplace(uid);
      entry->second.pod = std::move(pod);
      if (is_new) entry->second.arrived = context_.clock.Now();
    } else if (!it->second->Update(std::move(pod))) {
      return;
    }
  }
  queue_.Add(Find(uid) == nullptr ? kAdmit : uid);
}

void PodSet::Lost(std::string_view uid) {
  {
    base::MutexLock l(mu_);
    if (const auto it = waiting_.find(uid); it != waiting_.end()) waiting_.erase(it);
    const auto it = workers_.find(uid);
    if (it == workers_.end()) return;
    it->second->Gone();
  }
  queue_.Add(uid);
}

void PodSet::SourceReady(PodSource source) {
  {
    base::MutexLock l(mu_);
    silent_.erase(source);
  }
  queue_.Add(kAdmit);
}

std::vector<PodSet::PodPtr> PodSet::ActivePods() const {
  std::vector<PodPtr> pods;
  for (const auto& worker : All()) {
    if (worker->active()) pods.push_back(worker->Report());
  }
  return pods;
}

bool PodSet::NameTaken(const Pod& pod) const {
  return std::any_of(workers_.begin(), workers_.end(), [&](const auto& entry) {
    const auto other = entry.second->Report();
    return other->metadata().name() == pod.metadata().name() &&
           other->metadata().namespace_() == pod.metadata().namespace_();
  });
}

std::vector<PodSet::Waiting> PodSet::TakeAdmissible(bool node_known) {
  std::vector<Waiting> pods;
  base::MutexLock l(mu_);
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const Pod& pod = *it->second.pod;
    const bool is_static = IsStaticPod(pod);
    const bool may = is_static ? !silent_.contains(PodSource::kStatic) && !NameTaken(pod)
                               : !silent_.contains(PodSource::kApi) && node_known;
    if (may) pods.push_back(std::move(it->second));
    it = may ? waiting_.erase(it) : std::next(it);
  }
  admitting_ = !pods.empty();
  if (!node_known && !waiting_.empty() && !silent_.contains(PodSource::kApi)) {
    queue_.AddAfter(kAdmit, absl::Milliseconds(200));
  }
  return pods;
}

void PodSet::AdmitWaiting() {
  auto node = node_();
  std::vector<Waiting> pods = TakeAdmissible(node != nullptr);
  if (pods.empty()) return;
  if (node == nullptr) node = initial_node_();
  std::set<std::string> had_before;  // static pods: no API remembers them
  for (auto& waiting : pods) {
    const Pod& pod = *waiting.pod;
    if (IsStaticPod(pod) && had_before.empty()) {
      for (auto& uid : context_.files.ListPodDirs()) had_before.insert(std::move(uid));
    }
    waiting.accepted_before =
        pod.status().has_start_time() || IsTerminalPhase(pod.status().phase()) ||
        pod.metadata().has_deletion_timestamp() || had_before.contains(pod.metadata().uid());
  }
  std::sort(pods.begin(), pods.end(), [](const Waiting& a, const Waiting& b) {
    // What this node had accepted before comes first, it is running; then its own pods.
    const auto rank = [](const Waiting& w) {
      return std::tuple(!w.accepted_before, !IsStaticPod(*w.pod),
                        w.pod->metadata().creation_timestamp().seconds());
    };
    return rank(a) < rank(b);
  });
  size_t done = 0;
  while (done < pods.size() && Admit(pods[done], *node)) ++done;
  base::MutexLock l(mu_);
  for (; done < pods.size(); ++done) {
    waiting_.try_emplace(pods[done].pod->metadata().uid(), std::move(pods[done]));
  }
  admitting_ = false;
}

PodSet::Room PodSet::MakeRoom(const Pod& pod, const api::core::v1::Node& node,
                              std::optional<PodVerdict>& verdict) {
  // Who is on his way out already gives back what he has.
  std::vector<PodPtr> staying;
  for (const auto& worker : All()) {
    if (worker->active() && !worker->ending()) staying.push_back(worker->Report());
  }
  const AdmissionInputs inputs{node, staying, context_.options.allowed_unsafe_sysctls,
                               context_.options.max_pods};
  if (auto other = AdmitBesideResources(pod, inputs)) {
    verdict = std::move(other);
    return Room::kNone;
  }
  const std::vector<Shortage> shortages = ShortagesOf(pod, inputs);
  if (shortages.empty()) return Room::kBeingMade;
  const auto victims = PodsToPreempt(pod, staying, shortages);
  if (!victims.ok()) {
    verdict = PodVerdict{
        "UnexpectedAdmissionError",
        base::StrCat("Pod was rejected: Unexpected error while attempting to recover from "
                     "admission failure: preemption: error finding a set of pods to preempt: ",
                     victims.status().message())};
    return Room::kNone;
  }
  for (const PodPtr& victim : *victims) {
    PodVerdict end{"Preempting", "Preempted in order to admit critical pod"};
    end.disruption = "Pod was preempted by Kubelet to accommodate a critical pod.";
    context_.event(*victim, "Warning", end.reason, end.message, "");
    BERTH_INFO("pod preempted", {"pod", api::KeyOf(*victim)}, {"for", api::KeyOf(pod)});
    End(victim->metadata().uid(), std::move(end));
  }
  return Room::kBeingMade;
}

bool PodSet::Admit(const Waiting& waiting, const api::core::v1::Node& node) {
  const auto& [pod, arrived, accepted_before] = waiting;
  auto worker =
      std::make_shared<PodWorker>(context_, pod, accepted_before ? absl::InfinitePast() : arrived);
  if (!accepted_before) {
    std::optional<PodVerdict> verdict = context_.keep_out(*pod);
    if (!verdict.has_value()) {
      verdict = agent::Admit(*pod, {node, ActivePods(), context_.options.allowed_unsafe_sysctls,
                                    context_.options.max_pods});
      const bool room = !verdict.has_value() || !verdict->reason.starts_with("OutOf");
      if (!room && IsCritical(*pod) && MakeRoom(*pod, node, verdict) == Room::kBeingMade) {
        return false;
      }
    }
    if (verdict.has_value()) {
      context_.event(*pod, "Warning", verdict->reason, verdict->message, "");
      BERTH_WARNING("pod rejected", {"pod", api::KeyOf(*pod)}, {"reason", verdict->reason});
      worker->Reject(*verdict);
    }
  }
  {
    base::MutexLock l(mu_);
    workers_[pod->metadata().uid()] = worker;
  }
  if (context_.metrics != nullptr && !accepted_before) {
    context_.metrics->WorkerStarted(context_.clock.Now() - arrived);
  }
  BERTH_INFO("pod taken on", {"pod", api::KeyOf(*pod)}, {"uid", pod->metadata().uid()});
  queue_.Add(pod->metadata().uid());
  return true;
}

bool PodSet::End(const std::string& uid, PodVerdict verdict) {
  const auto worker = Find(uid);
  if (worker == nullptr) return false;
  worker->End(std::move(verdict));
  queue_.Add(uid);
  return true;
}

void PodSet::FreeContainers() {
  for (const auto& worker : All()) {
    if (worker->phase() != PodWorker::Phase::kTerminated) continue;
    worker->FreeContainers();
    queue_.Add(worker->Report()->metadata().uid());
  }
}

void PodSet::Reconcile(const std::map<std::string, RuntimePod>& runtime_pods) {
  std::vector<std::string> orphans;
  {
    base::MutexLock l(mu_);
    if (!silent_.empty() || !waiting_.empty() || admitting_) return;
    for (const auto& [uid, runtime] : runtime_pods) {
      if (workers_.contains(uid)) continue;
      auto worker = std::make_shared<PodWorker>(context_, OrphanPod(uid, runtime));
      worker->Gone();
      workers_[uid] = std::move(worker);
      orphans.push_back(uid);
    }
  }
  for (const auto& uid : orphans) {
    BERTH_INFO("ending a pod that the API does not have", {"uid", uid});
    queue_.Add(uid);
  }
  RemoveLeftovers();
}

// Directories, logs and cgroups of pods that neither the API nor the runtime has.
void PodSet::RemoveLeftovers() {
  const auto is_known = [this](const std::string& uid) {
    base::MutexLock l(mu_);
    return workers_.contains(uid) || waiting_.contains(uid) || admitting_;
  };
  for (const auto& uid : context_.cgroups.ListPods()) {
    if (is_known(uid)) continue;
    const absl::Status status = context_.cgroups.RemovePod(uid);
    if (!status.ok()) BERTH_WARNING("old cgroup stays", {"uid", uid}, {"error", status});
  }
  for (const auto& uid : context_.files.ListPodDirs()) {
    if (is_known(uid)) continue;
    absl::Status status = context_.volumes.TearDown(uid);
    if (status.ok() || absl::IsNotFound(status)) status = context_.files.RemovePod("", "", uid);
    if (!status.ok()) BERTH_WARNING("old pod directory stays", {"uid", uid}, {"error", status});
  }
  for (const auto& owner : context_.files.ListLogDirs()) {
    if (!is_known(owner.uid)) context_.files.RemoveLogs(owner);
  }
}

void PodSet::Handle(const std::string& uid) {
  const auto worker = Find(uid);
  if (worker == nullptr) return;
  worker->Sync();
  bool waits = false;
  if (!worker->finished()) {
    // It holds nothing any more: perhaps somebody waits for that.
    if (worker->phase() != PodWorker::Phase::kTerminated) return;
    base::MutexLock l(mu_);
    waits = !waiting_.empty();
  } else {
    context_.probes.Remove(uid);
    base::MutexLock l(mu_);
    workers_.erase(uid);
    waits = !waiting_.empty();
  }
  if (waits) queue_.Add(kAdmit);
}

void PodSet::Poke(const std::string& uid, absl::Duration delay) {
  if (delay > absl::ZeroDuration()) {
    queue_.AddAfter(uid, delay);
  } else {
    queue_.Add(uid);
  }
}

void PodSet::RuntimeChanged(const std::string& uid) {
  const auto worker = Find(uid);
  if (worker == nullptr) return;
  worker->RuntimeChanged();
  queue_.Add(uid);
}

void PodSet::PokeAll() {
  for (const auto& worker : All()) queue_.Add(worker->Report()->metadata().uid());
  queue_.Add(kAdmit);
}

void PodSet::StatusWritten(const std::string& uid) {
  const auto worker = Find(uid);
  if (worker != nullptr && worker->phase() == PodWorker::Phase::kTerminated) queue_.Add(uid);
}

std::shared_ptr<PodWorker> PodSet::Find(std::string_view uid) const {
  base::MutexLock l(mu_);
  const auto it = workers_.find(uid);
  return it == workers_.end() ? nullptr : it->second;
}

std::shared_ptr<PodWorker> PodSet::FindByName(std::string_view namespace_,
                                              std::string_view name) const {
  std::shared_ptr<PodWorker> found;
  for (const auto& worker : All()) {
    const auto pod = worker->Report();
    if (pod->metadata().namespace_() != namespace_ || pod->metadata().name() != name) continue;
    // One that the API still has goes before an earlier one of the same name.
    if (found == nullptr || !worker->gone()) found = worker;
  }
  return found;
}

std::vector<std::shared_ptr<PodWorker>> PodSet::All() const {
  std::vector<std::shared_ptr<PodWorker>> all;
  base::MutexLock l(mu_);
  for (const auto& [uid, worker] : workers_) all.push_back(worker);
  return all;
}

}  // namespace berth::agent
