// SPDX-License-Identifier: Apache-2.0
// How a pod's containers and sandboxes end.
#include <algorithm>

#include "agent/pods/pod_worker.h"
#include "agent/sync/container_spec.h"
#include "api/object.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

// A process gets this long to end by itself, whatever was asked.
constexpr absl::Duration kMinGrace = absl::Seconds(2);

}  // namespace

absl::Duration PodWorker::Grace() const {
  const auto& meta = pod_->metadata();
  absl::Duration grace = seen_.grace;
  if (pod_->spec().has_termination_grace_period_seconds()) {
    grace = absl::Seconds(pod_->spec().termination_grace_period_seconds());
  }
  absl::Duration most = absl::InfiniteDuration();
  {
    base::MutexLock l(mu_);
    if (verdict_.has_value() && verdict_->grace.has_value()) most = *verdict_->grace;
  }
  if (!meta.has_deletion_timestamp()) return std::min(grace, most);
  if (meta.has_deletion_grace_period_seconds()) {
    grace = absl::Seconds(meta.deletion_grace_period_seconds());
  }
  // A daemon that comes back in the middle goes on with what is left.
  if (!ran_here_) {
    const absl::Time end = absl::FromUnixSeconds(meta.deletion_timestamp().seconds());
    grace = std::min(grace, end - context_.clock.Now());
  }
  return std::min(grace, most);
}

void PodWorker::KillAll() {
  // The grace is the pod's as a whole: sidecars get what the apps left of it.
  if (stop_began_ == absl::InfinitePast()) stop_began_ = context_.clock.Now();
  const absl::Duration spent = context_.clock.Now() - stop_began_;
  const absl::Duration grace = std::max(kMinGrace, Grace() - spent);
  const auto sidecar_index = [&](std::string_view name) {
    const auto& inits = pod_->spec().init_containers();
    for (int i = 0; i < inits.size(); ++i) {
      if (inits[i].name() == name && IsSidecar(inits[i])) return i;
    }
    return -1;
  };
  // Apps together; sidecars when these are gone, the last one first.
  bool apps_running = false;
  int last_sidecar = -1;
  for (const auto& container : seen_.containers) {
    if (container.phase != ContainerPhase::kRunning) continue;
    const int index = sidecar_index(container.name);
    apps_running = apps_running || index < 0;
    last_sidecar = std::max(last_sidecar, index);
  }
  for (const auto& container : seen_.containers) {
    if (container.phase != ContainerPhase::kRunning) continue;
    const int index = sidecar_index(container.name);
    if (index >= 0 && (apps_running || index != last_sidecar)) continue;
    Kill({container.id, container.name, base::StrCat("Stopping container ", container.name),
          std::nullopt},
         grace);
  }
}

void PodWorker::Kill(const ContainerToKill& kill, absl::Duration grace) {
  const absl::Time until = context_.clock.Now() + grace;
  bool first = false;
  {
    base::MutexLock l(mu_);
    const auto [it, inserted] = stopping_.try_emplace(kill.id, until);
    first = inserted;
    // A shorter grace than the one under way counts; a longer one does not.
    if (!first && until + absl::Seconds(1) >= it->second) return;
    it->second = until;
  }
  if (first) context_.event(*pod_, "Normal", "Killing", kill.message, kill.name);
  BERTH_INFO("stopping container", {"pod", api::KeyOf(*pod_)}, {"container", kill.name},
             {"grace", absl::FormatDuration(grace)});
  context_.executor.Post([self = shared_from_this(), pod = pod_, kill, grace, first] {
    self->RunKill(*pod, kill, grace, first);
  });
}

void PodWorker::RunKill(const api::core::v1::Pod& pod, const ContainerToKill& kill,
                        absl::Duration grace, bool hook) {
  const absl::Time start = context_.clock.Now();
  const auto* spec = FindContainerSpec(pod, kill.name);
  if (!hook || spec == nullptr || !spec->lifecycle().has_pre_stop()) {
    return RunStop(kill, grace, start);
  }
  const auto& pre_stop = spec->lifecycle().pre_stop();
  if (pre_stop.has_sleep()) {
    const absl::Duration sleep = std::min(grace, absl::Seconds(pre_stop.sleep().seconds()));
    {
      base::MutexLock l(mu_);
      sleeps_[kill.id] = {start + sleep, kill, grace, start};
    }
    context_.poke(uid_, sleep);
    return;
  }
  std::string ip;
  if (const auto seen = Seen();
      seen != nullptr && seen->LatestSandbox() != nullptr && !seen->LatestSandbox()->ips.empty()) {
    ip = seen->LatestSandbox()->ips.front();
  }
  const absl::Status status = context_.prober.RunHook(pre_stop, {pod, *spec, kill.id, ip}, grace);
  if (!status.ok()) {
    context_.event(pod, "Warning", "FailedPreStopHook", "PreStopHook failed", kill.name);
    BERTH_WARNING("preStop hook failed", {"pod", api::KeyOf(pod)}, {"container", kill.name},
                  {"error", status});
  }
  RunStop(kill, grace, start);
}

void PodWorker::RunStop(const ContainerToKill& kill, absl::Duration grace, absl::Time start) {
  const absl::Duration left = std::max(kMinGrace, grace - (context_.clock.Now() - start));
  cri::v1::StopContainerRequest request;
  request.set_container_id(kill.id);
  request.set_timeout(absl::ToInt64Seconds(absl::Ceil(left, absl::Seconds(1))));
  cri::v1::StopContainerResponse response;
  const absl::Status status = context_.runtime.StopContainer(
      request, response, left + context_.options.runtime_request_timeout);
  if (!status.ok()) {
    BERTH_WARNING("stopping a container failed", {"container", kill.name}, {"error", status});
  }
  {
    base::MutexLock l(mu_);
    stopping_.erase(kill.id);
    runtime_changed_ = true;
  }
  context_.poke(uid_, status.ok() ? absl::ZeroDuration() : absl::Seconds(1));
}

absl::Status PodWorker::StopSandboxes() {
  for (const auto& sandbox : seen_.sandboxes) {
    if (!sandbox.ready) continue;
    cri::v1::StopPodSandboxRequest request;
    request.set_pod_sandbox_id(sandbox.id);
    cri::v1::StopPodSandboxResponse response;
    RETURN_IF_ERROR(context_.runtime.StopPodSandbox(request, response,
                                                    context_.options.runtime_request_timeout),
                    "stopping sandbox ", sandbox.id);
  }
  return absl::OkStatus();
}

absl::Status PodWorker::RemoveSandboxes() {
  RETURN_IF_ERROR(Observe(/*must=*/true));
  RETURN_IF_ERROR(StopSandboxes());
  for (const auto& sandbox : seen_.sandboxes) {
    cri::v1::RemovePodSandboxRequest request;
    request.set_pod_sandbox_id(sandbox.id);
    cri::v1::RemovePodSandboxResponse response;
    RETURN_IF_ERROR(context_.runtime.RemovePodSandbox(request, response,
                                                      context_.options.runtime_request_timeout),
                    "removing sandbox ", sandbox.id);
  }
  return absl::OkStatus();
}

}  // namespace berth::agent
