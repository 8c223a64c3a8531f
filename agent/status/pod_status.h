// SPDX-License-Identifier: Apache-2.0
// The status of a pod, from what is known about it. Pure: the same inputs give the same status, so
// an unchanged pod costs no write.
#ifndef BERTH_AGENT_STATUS_POD_STATUS_H_
#define BERTH_AGENT_STATUS_POD_STATUS_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "agent/observe/observation.h"
#include "agent/sync/pod_actions.h"

namespace berth::api::core::v1 {
class Pod;
class PodStatus;
}  // namespace berth::api::core::v1

namespace berth::agent {

struct Waiting {
  std::string reason;
  std::string message;
};

// The pod as a whole ends, or was never let in.
struct PodVerdict {
  std::string reason;  // DeadlineExceeded, OutOfcpu, Evicted, ...
  std::string message;
  // Of the condition DisruptionTarget, for a pod that the node ends for its own sake; "" for none.
  std::string disruption;
  std::optional<absl::Duration> grace;  // instead of the pod's own
};

struct StatusInputs {
  // Its status is what the API had last: times of transitions, other people's conditions and
  // containers that the runtime has forgotten come from there.
  const api::core::v1::Pod& pod;
  const PodObservation& seen;
  const ProbeView& probes;
  std::function<bool(const std::string& container_id)> ready;
  // Why a container is not running: image pulls, back-off, errors. By its name.
  const std::map<std::string, Waiting, std::less<>>& waiting;
  std::optional<PodVerdict> verdict;
  std::vector<std::string> host_ips;
  std::string runtime_name;  // "containerd"
  absl::Time now;
  // The pod is being ended: what does not run will not run again.
  bool terminating = false;
};

api::core::v1::PodStatus ComputePodStatus(const StatusInputs& in);

bool IsTerminalPhase(std::string_view phase);

}  // namespace berth::agent

#endif  // BERTH_AGENT_STATUS_POD_STATUS_H_
