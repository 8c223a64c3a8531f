// SPDX-License-Identifier: Apache-2.0
// Reads pods out of the runtime: a whole pod by two lists filtered by its uid and a status of each
// part, or one part by its id. The answer is newer than whatever the caller did before. Blocking.
#ifndef BERTH_AGENT_OBSERVE_READ_POD_H_
#define BERTH_AGENT_OBSERVE_READ_POD_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/observe/observation.h"
#include "cri/runtime.h"

namespace berth::agent {

// A pod that the runtime does not know has no sandboxes and no containers. A container that goes
// away between the calls is left out.
absl::StatusOr<PodObservation> ReadPod(cri::Runtime& runtime, std::string_view uid,
                                       absl::Duration timeout);

// One part of a pod. NotFound when it is not there.
absl::StatusOr<ObservedSandbox> ReadSandbox(cri::Runtime& runtime, const std::string& id,
                                            absl::Duration timeout);
absl::StatusOr<ObservedContainer> ReadContainer(cri::Runtime& runtime, const std::string& id,
                                                const std::string& sandbox_id,
                                                absl::Duration timeout);

// Which sandboxes and containers exist, and their states: what a relist compares. A sandbox is
// running when it is ready, else exited.
struct RuntimePod {
  std::string namespace_;
  std::string name;
  std::map<std::string, ContainerPhase> states;  // by id
};
RuntimePod StatesOf(const PodObservation& seen);
// By uid. Only what carries a pod's labels.
absl::StatusOr<std::map<std::string, RuntimePod>> ListPods(cri::Runtime& runtime,
                                                           absl::Duration timeout);

}  // namespace berth::agent

#endif  // BERTH_AGENT_OBSERVE_READ_POD_H_
