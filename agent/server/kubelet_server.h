// SPDX-License-Identifier: Apache-2.0
// The kubelet API of :10250: authenticates, authorizes, routes. Handle() runs on a server's
// executor and may block. Thread-safe.
#ifndef BERTH_AGENT_SERVER_KUBELET_SERVER_H_
#define BERTH_AGENT_SERVER_KUBELET_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "agent/config/kubelet_config.h"
#include "agent/server/log_streams.h"
#include "agent/server/node_stats.h"
#include "agent/server/request_auth.h"
#include "agent/server/streaming_proxy.h"
#include "base/clock.h"
#include "http/message.h"
#include "http/server.h"

namespace berth::agent {

class KubeletMetrics;
class PodDirectory;

struct KubeletServerParts {
  RequestAuth* auth = nullptr;
  const PodDirectory* pods = nullptr;
  cri::Runtime* runtime = nullptr;
  LogStreams* logs = nullptr;
  StreamingProxy* streaming = nullptr;
  base::Clock* clock = nullptr;
  const KubeletMetrics* metrics = nullptr;  // may be absent
  std::function<absl::Status()> healthy = [] { return absl::OkStatus(); };
};

class KubeletServer {
 public:
  KubeletServer(const KubeletConfig& config, std::string node_name, std::string version,
                KubeletServerParts parts);

  void Handle(std::shared_ptr<http::Exchange> exchange);
  // /healthz without authentication, for loopback.
  void HandleHealthz(std::shared_ptr<http::Exchange> exchange);

 private:
  struct Call;
  void Route(Call& call);
  void Health(Call& call);
  void Pods(Call& call);
  void ContainerLogs(Call& call);
  void ExecOrAttach(Call& call, bool exec);
  void PortForward(Call& call);

  const KubeletConfig config_;
  const KubeletServerParts parts_;
  const NodeStatsSource stats_;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_SERVER_KUBELET_SERVER_H_
