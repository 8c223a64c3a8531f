// SPDX-License-Identifier: Apache-2.0
// postStart hooks, and hooks that sleep. They run beside the worker, which hears of the pod's
// deletion meanwhile. Until its hook has ended a container does not count as running, no probe
// looks at it, and no other container of the pod is started.
#include <algorithm>

#include "agent/pods/pod_worker.h"
#include "agent/sync/container_spec.h"
#include "api/object.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

constexpr absl::Duration kHookTimeout = absl::Minutes(10);

}  // namespace

void PodWorker::PostStart(const api::core::v1::Container& container, const std::string& id) {
  if (!container.lifecycle().has_post_start()) return;
  {
    base::MutexLock l(mu_);
    hooks_.insert(id);
  }
  const auto& hook = container.lifecycle().post_start();
  const auto ended = [self = shared_from_this(), id](absl::Status status) {
    {
      base::MutexLock l(self->mu_);
      self->hooks_.erase(id);
      if (!status.ok()) self->failed_hooks_[id] = std::move(status);
    }
    self->context_.poke(self->uid_, absl::ZeroDuration());
  };
  if (hook.has_sleep()) {
    const absl::Duration sleep = absl::Seconds(hook.sleep().seconds());
    base::MutexLock l(mu_);
    sleeps_[id].until = context_.clock.Now() + sleep;
    return;  // EndSleeps() sees to the rest
  }
  const ObservedSandbox& sandbox = *seen_.LatestSandbox();
  const std::string ip = sandbox.ips.empty() ? "" : sandbox.ips.front();
  context_.executor.Post([self = shared_from_this(), pod = pod_, container, id, ip, ended] {
    ended(self->context_.prober.RunHook(container.lifecycle().post_start(),
                                        {*pod, container, id, ip}, kHookTimeout));
  });
}

void PodWorker::EndSleeps() {
  const absl::Time now = context_.clock.Now();
  std::vector<Sleep> stops;
  absl::Time next = absl::InfiniteFuture();
  {
    base::MutexLock l(mu_);
    for (auto it = sleeps_.begin(); it != sleeps_.end();) {
      if (it->second.until > now) {
        next = std::min(next, it->second.until);
        ++it;
        continue;
      }
      if (it->second.kill.has_value()) {
        stops.push_back(std::move(it->second));
      } else {
        hooks_.erase(it->first);
      }
      it = sleeps_.erase(it);
    }
  }
  if (next != absl::InfiniteFuture()) context_.poke(uid_, next - now);
  for (const Sleep& stop : stops) {
    context_.executor.Post(
        [self = shared_from_this(), stop] { self->RunStop(*stop.kill, stop.grace, stop.start); });
  }
}

std::set<std::string, std::less<>> PodWorker::RunningHooks() const {
  base::MutexLock l(mu_);
  return hooks_;
}

void PodWorker::LookAtHooks() {
  std::map<std::string, absl::Status, std::less<>> failed;
  std::set<std::string, std::less<>> running;
  {
    base::MutexLock l(mu_);
    failed.swap(failed_hooks_);
    // One that waits for a container that has ended meanwhile holds nobody up.
    std::erase_if(hooks_, [&](const std::string& id) {
      return std::none_of(seen_.containers.begin(), seen_.containers.end(), [&](const auto& c) {
        return c.id == id && c.phase != ContainerPhase::kExited;
      });
    });
    running = hooks_;
  }
  for (const ObservedContainer& container : seen_.containers) {
    if (running.contains(container.id)) {
      waiting_[container.name] = {
          pod_->spec().init_containers_size() > 0 ? "PodInitializing" : "ContainerCreating", ""};
    }
    const auto it = failed.find(container.id);
    if (it == failed.end() || container.phase != ContainerPhase::kRunning) continue;
    // What a hook says is not for the event, where more people read: it may hold secrets.
    context_.event(*pod_, "Warning", "FailedPostStartHook", "PostStartHook failed", container.name);
    BERTH_WARNING("postStart hook failed", {"pod", api::KeyOf(*pod_)},
                  {"container", container.name}, {"error", it->second});
    waiting_[container.name] = {"PostStartHookError", std::string(it->second.message())};
    Kill({container.id, container.name, "FailedPostStartHook", std::nullopt}, Grace());
  }
}

void PodWorker::SyncProbes(bool terminating) {
  const auto hooks = RunningHooks();
  if (hooks.empty()) {
    context_.probes.Sync(pod_, seen_, terminating);
  } else {
    PodObservation others = seen_;
    std::erase_if(others.containers, [&](const auto& c) { return hooks.contains(c.id); });
    context_.probes.Sync(pod_, others, terminating);
  }
  view_ = context_.probes.View(*pod_, seen_);
  for (const std::string& id : hooks) view_.started.erase(id);
}

}  // namespace berth::agent
