// SPDX-License-Identifier: Apache-2.0
// Reads pods out of the runtime. Two lists filtered by the pod's uid and one status per container:
// the answer is newer than whatever the caller did before, so a worker that reads before it acts
// can make nothing twice. Blocking.
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

// Which sandboxes and containers exist, and their states: what a relist compares.
struct RuntimePod {
  std::string namespace_;
  std::string name;
  std::map<std::string, int> states;  // id -> state
};
// By uid. Only what carries a pod's labels.
absl::StatusOr<std::map<std::string, RuntimePod>> ListPods(cri::Runtime& runtime,
                                                           absl::Duration timeout);

}  // namespace berth::agent

#endif  // BERTH_AGENT_OBSERVE_READ_POD_H_
