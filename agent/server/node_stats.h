// SPDX-License-Identifier: Apache-2.0
// What /metrics and /stats/summary say. Each call reads the runtime and /proc anew.
#ifndef BERTH_AGENT_SERVER_NODE_STATS_H_
#define BERTH_AGENT_SERVER_NODE_STATS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace berth::cri {
class Runtime;
}

namespace berth::agent {

class KubeletMetrics;
class PodDirectory;

struct NodeStatsSource {
  std::string node_name, version;
  cri::Runtime* runtime = nullptr;
  const PodDirectory* pods = nullptr;
  absl::Time started;
  const KubeletMetrics* metrics = nullptr;  // may be absent
};

std::string MetricsText(const NodeStatsSource& source);
absl::StatusOr<std::string> StatsSummaryJson(const NodeStatsSource& source);
// The sandboxes that run and their containers, as a v1 PodList.
absl::StatusOr<std::string> RunningPodsJson(cri::Runtime& runtime);

}  // namespace berth::agent

#endif  // BERTH_AGENT_SERVER_NODE_STATS_H_
