// SPDX-License-Identifier: Apache-2.0
// Latencies of pods and of the runtime's calls, for /metrics of the kubelet API: kubelet's names
// where it has them, ours begin with berth_. Thread-safe.
#ifndef BERTH_AGENT_OBSERVE_KUBELET_METRICS_H_
#define BERTH_AGENT_OBSERVE_KUBELET_METRICS_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace berth::agent {

class KubeletMetrics {
 public:
  KubeletMetrics();
  ~KubeletMetrics();

  // For a cri::MeasuredRuntime that this outlives.
  std::function<void(std::string_view operation, absl::Duration took, const absl::Status& status)>
  OfRuntimeCalls();
  // Of a new pod, from the arrival of its watch event to: its worker's start, its first call to
  // the runtime, the call that makes its sandbox (other calls to the runtime lie between).
  void WorkerStarted(absl::Duration since_arrival);
  void FirstRuntimeCall(absl::Duration since_arrival);
  void SandboxCall(absl::Duration since_arrival);
  // How long a call that makes something waited for its turn.
  void RuntimeTurn(absl::Duration wait);
  // From the runtime's word that a container runs to the API's that it knows.
  void RunningWritten(absl::Duration since_start);

  // Certificates: how long each will be good for (asked when metrics are read; infinite when there
  // is none), renewals that came to nothing, and how old a serving certificate got.
  void WatchClientCertificate(std::function<absl::Duration()> ttl);
  void WatchServerCertificate(std::function<absl::Duration()> ttl);
  void ClientRenewalFailed();
  void ServerRenewalFailed();
  void ServerCertificateReplaced(absl::Duration age);
  // A pod was ended for this signal: "memory.available".
  void Evicted(std::string_view signal);
  // An image was removed, for its "age" or for want of "space".
  void ImageCollected(std::string_view reason);

  // In the text format of Prometheus.
  std::string Text() const;

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_OBSERVE_KUBELET_METRICS_H_
