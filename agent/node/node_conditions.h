// SPDX-License-Identifier: Apache-2.0
// MemoryPressure, DiskPressure, PIDPressure and Ready. For node_status.cc.
#ifndef BERTH_AGENT_NODE_NODE_CONDITIONS_H_
#define BERTH_AGENT_NODE_NODE_CONDITIONS_H_

#include <string>
#include <vector>

#include "agent/node/node_status.h"

namespace berth::agent {

struct ConditionNow {
  std::string type;
  bool status = false;
  std::string reason, message;
};

// In the kubelet's order, Ready last.
std::vector<ConditionNow> ConditionsNow(const NodeObservation& seen);

}  // namespace berth::agent

#endif  // BERTH_AGENT_NODE_NODE_CONDITIONS_H_
