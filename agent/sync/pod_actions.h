// SPDX-License-Identifier: Apache-2.0
// What to do about a pod that should run: a pure function of its spec, what the runtime says, what
// the probes say, the back-off and the time. The worker carries it out and asks again.
#ifndef BERTH_AGENT_SYNC_POD_ACTIONS_H_
#define BERTH_AGENT_SYNC_POD_ACTIONS_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "agent/observe/observation.h"
#include "agent/sync/restart_backoff.h"

namespace berth::api::core::v1 {
class Container;
class Pod;
}  // namespace berth::api::core::v1

namespace berth::agent {

enum class ContainerKind { kInit, kApp, kEphemeral };

struct ContainerToStart {
  ContainerKind kind = ContainerKind::kApp;
  int index = 0;  // in the spec's list of that kind
  std::string name;
  int restart_count = 0;
  std::string replaces;       // id of a dead instance; "" for the first
  absl::Time replaced_ended;  // when that one ended
};

struct ContainerToKill {
  std::string id;
  std::string name;
  std::string message;                  // of the event Killing
  std::optional<absl::Duration> grace;  // instead of the pod's
};

// A container that crashed and waits for its next start.
struct ContainerInBackoff {
  std::string name;
  std::string message;
  absl::Time until;
};

struct PodActions {
  // Stop this sandbox and everything in it first; "" when there is none to stop.
  std::string kill_sandbox;
  bool create_sandbox = false;
  uint32_t sandbox_attempt = 0;
  std::vector<ContainerToKill> kill;
  std::vector<ContainerToStart> start;  // in this order
  std::vector<ContainerInBackoff> backoff;

  bool Idle() const {
    return kill_sandbox.empty() && !create_sandbox && kill.empty() && start.empty();
  }
};

// What the probes say about the containers of a pod, by container id.
struct ProbeView {
  std::set<std::string, std::less<>> started;  // startup probe passed, or has none
  std::set<std::string, std::less<>> liveness_failed;
  std::set<std::string, std::less<>> startup_failed;
};

struct ActionInputs {
  const api::core::v1::Pod& pod;
  const PodObservation& seen;
  const ProbeView& probes;
  const RestartBackoff& backoff;
  absl::Time now;
  // Containers that are being stopped already: left alone.
  const std::set<std::string>& stopping;
};

PodActions ComputePodActions(const ActionInputs& in);

// Of the parts of a container's spec whose change means a restart: name and image.
std::string ContainerHash(const api::core::v1::Container& container);
// Under what its crash back-off is kept: name and hash.
std::string BackoffKey(const api::core::v1::Container& container);
bool IsSidecar(const api::core::v1::Container& container);
// Whether a container that ended so is started again, by its own policy and rules, else the pod's.
bool ShouldRestart(const api::core::v1::Pod& pod, const api::core::v1::Container& container,
                   int exit_code);
// Every init container of the pod has done what the app containers wait for.
bool InitDone(const api::core::v1::Pod& pod, const PodObservation& seen, const ProbeView& probes);

}  // namespace berth::agent

#endif  // BERTH_AGENT_SYNC_POD_ACTIONS_H_
