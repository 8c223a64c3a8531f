// SPDX-License-Identifier: Apache-2.0
// The listening side of the kubelet API: :10250 over TLS and :10248 for health, with their
// certificates. Built once by the composition root.
#ifndef BERTH_AGENT_SERVER_KUBELET_SERVICE_H_
#define BERTH_AGENT_SERVER_KUBELET_SERVICE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "agent/config/kubelet_config.h"
#include "agent/node/node_status.h"
#include "base/clock.h"
#include "base/executor.h"
#include "http/io_context.h"

namespace berth::client {
class ApiClient;
}
namespace berth::cri {
class Runtime;
}

namespace berth::agent {

class KubeletMetrics;
class PodDirectory;

struct KubeletServiceParts {
  client::ApiClient* api = nullptr;    // null: standalone
  const PodDirectory* pods = nullptr;  // null: no pods
  cri::Runtime* runtime = nullptr;
  http::IoContext* io = nullptr;
  base::Executor* executor = nullptr;  // requests block on it
  base::Clock* clock = nullptr;
  const KubeletMetrics* metrics = nullptr;  // may be absent
  std::function<absl::Status()> healthy;
};

class KubeletService {
 public:
  KubeletService(const KubeletConfig& config, const NodeIdentity& identity, std::string cert_dir,
                 KubeletServiceParts parts);
  ~KubeletService();

  // Listens. Errors name the address or the file.
  absl::Status Start();
  // New connections use certificates and CA files as they are now on disk.
  void ReloadChangedFiles();
  int port() const;  // of the API; for tests, where it is configured as 0

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_SERVER_KUBELET_SERVICE_H_
