// SPDX-License-Identifier: Apache-2.0
#include "agent/eviction/evictions.h"

#include <algorithm>

#include "agent/eviction/local_limits.h"
#include "agent/resources/quantities.h"
#include "api/object.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;

constexpr absl::Duration kPeriod = absl::Seconds(1);         // of the node's signals
constexpr absl::Duration kLimitsPeriod = absl::Seconds(10);  // of walks over pods' files
constexpr absl::Duration kHardGrace = absl::Seconds(1);
constexpr absl::Duration kCleanup = absl::Seconds(30);       // what an evicted pod held comes free
constexpr absl::Duration kReclaimPause = absl::Seconds(10);  // when nobody could be ended
constexpr std::string_view kTick = "tick";

bool ToleratesMemoryPressure(const Pod& pod) {
  return std::any_of(pod.spec().tolerations().begin(), pod.spec().tolerations().end(),
                     [](const auto& t) {
                       if (!t.effect().empty() && t.effect() != "NoSchedule") return false;
                       if (t.operator_() == "Exists" && t.key().empty()) return true;
                       return t.key() == "node.kubernetes.io/memory-pressure" &&
                              (t.operator_() == "Exists" || t.value().empty());
                     });
}

}  // namespace

Evictions::Evictions(const KubeletConfig& config, Parts parts, base::Executor& executor,
                     base::Clock& clock)
    : config_(config),
      parts_(std::move(parts)),
      clock_(clock),
      queue_(executor, clock, [this](const std::string&) {
        Tick();
        queue_.AddAfter(kTick, kPeriod);
      }) {}

void Evictions::Start() { queue_.Add(kTick); }
void Evictions::Stop() { queue_.Stop(); }

Pressures Evictions::pressures() const {
  base::MutexLock l(mu_);
  return pressures_;
}

std::optional<PodVerdict> Evictions::Admit(const Pod& pod) const {
  const Pressures now = pressures();
  if (now.empty() || IsCritical(pod)) return std::nullopt;
  if (now == Pressures{Pressure::kMemory} &&
      (QosOf(pod.spec()) != QosClass::kBestEffort || ToleratesMemoryPressure(pod))) {
    return std::nullopt;
  }
  PodVerdict verdict;
  verdict.reason = "Evicted";
  verdict.message = base::StrCat("Pod was rejected: The node had condition: ", TextOf(now), ". ");
  return verdict;
}

void Evictions::Look(const SignalValues& values) {
  PressureStep step = LookAtThresholds(thresholds_, state_, values,
                                       config_.eviction_pressure_transition_period, clock_.Now());
  state_ = std::move(step.next);
  due_ = std::move(step.due);
  bool changed = false;
  {
    base::MutexLock l(mu_);
    changed = pressures_ != step.pressures;
    pressures_ = step.pressures;
  }
  if (!changed) return;
  BERTH_INFO("the node's pressure changed", {"now", TextOf(step.pressures)});
  parts_.pressure_changed();
}

void Evictions::Tick() {
  const DiskLayout disks = parts_.disks();
  thresholds_ = ThresholdsOf(config_, disks);
  const SignalValues values = parts_.signals();
  Look(values);
  const absl::Time now = clock_.Now();
  const bool limits_due =
      config_.local_storage_capacity_isolation && now - limits_at_ >= kLimitsPeriod;
  if (due_.empty() && !limits_due) return;
  const std::vector<PodPtr> pods = Candidates();
  if (limits_due) {
    limits_at_ = now;
    if (EvictForLimits(disks, pods)) return;
  }
  if (due_.empty()) return;
  // One at a time: what the last one held comes free when it has gone.
  if (!going_.empty() && now - evicted_at_ < kCleanup) return;
  if (going_.empty() && now - reclaimed_at_ < kReclaimPause && evicted_at_ < reclaimed_at_) return;
  Reclaim(disks, values, pods);
  reclaimed_at_ = std::max(now, reclaimed_at_);
}

std::vector<Evictions::PodPtr> Evictions::Candidates() {
  std::set<std::string, std::less<>> still_going;
  std::vector<PodPtr> out;
  for (PodPtr& pod : parts_.active_pods()) {
    if (going_.contains(pod->metadata().uid())) {
      still_going.insert(pod->metadata().uid());
    } else {
      out.push_back(std::move(pod));
    }
  }
  going_ = std::move(still_going);
  return out;
}

bool Evictions::EvictForLimits(const DiskLayout& disks, const std::vector<PodPtr>& pods) {
  std::vector<PodPtr> limited;
  std::copy_if(pods.begin(), pods.end(), std::back_inserter(limited),
               [](const PodPtr& pod) { return HasLocalLimits(*pod); });
  if (limited.empty()) return false;
  const auto uses = parts_.measure(limited);
  bool any = false;
  for (const PodPtr& pod : limited) {
    const auto use = uses.find(pod->metadata().uid());
    if (use == uses.end()) continue;
    const auto excess = FindLocalExcess(*pod, use->second, disks);
    if (!excess.has_value()) continue;
    PodVerdict verdict;
    verdict.reason = "Evicted";
    verdict.message = excess->message;
    verdict.grace = kHardGrace;
    any = End({pod, use->second}, std::move(verdict), excess->signal, {}) || any;
  }
  return any;
}

bool Evictions::FreeNodeResources(Signal signal, const DiskLayout& disks) {
  if (PressureOf(signal) != Pressure::kDisk) return false;
  const bool node = signal == Signal::kNodeFs || signal == Signal::kNodeFsInodes;
  const bool containers_here = !disks.image_fs || node == disks.container_fs;
  const bool images_here = !disks.image_fs || !node;
  if (!containers_here && !images_here) return false;
  if (containers_here) parts_.free_containers();
  if (images_here) parts_.free_images();
  const SignalValues after = parts_.signals();
  return std::none_of(thresholds_.begin(), thresholds_.end(), [&](const Threshold& threshold) {
    return IsMet(threshold, after, /*with_reclaim=*/true);
  });
}

absl::Duration Evictions::GraceFor(const Pod& pod, const Threshold& threshold) const {
  if (threshold.hard) return kHardGrace;
  int64_t grace = config_.eviction_max_pod_grace_period;
  if (pod.spec().has_termination_grace_period_seconds()) {
    grace = std::min(grace, pod.spec().termination_grace_period_seconds());
  }
  return absl::Seconds(std::max<int64_t>(0, grace));
}

bool Evictions::End(const Candidate& candidate, PodVerdict verdict, std::string_view signal,
                    const std::map<std::string, std::string>& annotations) {
  const Pod& pod = *candidate.pod;
  if (IsCritical(pod)) {
    BERTH_WARNING("a critical pod is not evicted", {"pod", api::KeyOf(pod)});
    return false;
  }
  BERTH_INFO("evicting a pod", {"pod", api::KeyOf(pod)}, {"signal", signal},
             {"message", verdict.message});
  parts_.evicted_event(pod, verdict.message, annotations);
  parts_.end(pod.metadata().uid(), verdict);
  parts_.count(signal);
  going_.insert(pod.metadata().uid());
  evicted_at_ = clock_.Now();
  return true;
}

void Evictions::Reclaim(const DiskLayout& disks, const SignalValues& values,
                        const std::vector<PodPtr>& pods) {
  const Threshold threshold = due_.front();
  parts_.node_event("Warning", "EvictionThresholdMet",
                    base::StrCat("Attempting to reclaim ", ResourceOf(threshold.signal)));
  if (FreeNodeResources(threshold.signal, disks)) return;
  const auto uses = parts_.measure(pods);
  std::vector<Candidate> candidates;
  for (const PodPtr& pod : pods) {
    const auto use = uses.find(pod->metadata().uid());
    candidates.push_back({pod, use == uses.end() ? std::nullopt : std::optional(use->second)});
  }
  RankForEviction(threshold.signal, disks, candidates);
  for (const Candidate& candidate : candidates) {
    const EvictionWords words = WordsFor(threshold, values, candidate);
    PodVerdict verdict;
    verdict.reason = "Evicted";
    verdict.message = words.message;
    verdict.grace = GraceFor(*candidate.pod, threshold);
    verdict.disruption = words.message;
    if (End(candidate, std::move(verdict), NameOf(threshold.signal), words.annotations)) return;
  }
  BERTH_WARNING("nobody is left to evict", {"signal", NameOf(threshold.signal)});
}

}  // namespace berth::agent
