// SPDX-License-Identifier: Apache-2.0
// One attempt of a probe or of a lifecycle hook: exec, http, tcp, grpc, sleep. Blocking, up to the
// timeout; thread-safe.
#ifndef BERTH_AGENT_PROBES_PROBER_H_
#define BERTH_AGENT_PROBES_PROBER_H_

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cri/runtime.h"
#include "http/io_context.h"
#include "http/message.h"

namespace berth::api::core::v1 {
class Container;
class LifecycleHandler;
class Pod;
class Probe;
}  // namespace berth::api::core::v1

namespace berth::agent {

// kWarning: it counts as a success that people should know about. kUnknown: the attempt itself went
// wrong, which says nothing about the container.
enum class ProbeOutcome { kSuccess, kWarning, kFailure, kUnknown };

struct ProbeAnswer {
  ProbeOutcome outcome = ProbeOutcome::kUnknown;
  std::string message;
};

struct ProbeTarget {
  const api::core::v1::Pod& pod;
  const api::core::v1::Container& container;
  std::string container_id;
  std::string pod_ip;
};

struct HttpCall {
  bool https = false;
  std::string host;
  int port = 0;
  http::Request request;
};

class Prober {
 public:
  using Fetch = std::function<absl::StatusOr<http::Response>(const HttpCall&, absl::Duration)>;
  Prober(cri::Runtime& runtime, Fetch fetch) : runtime_(runtime), fetch_(std::move(fetch)) {}

  ProbeAnswer Probe(const api::core::v1::Probe& probe, const ProbeTarget& target);
  // An error's message is what the events FailedPostStartHook and FailedPreStopHook show. A sleep
  // is the caller's to do: it answers OK at once.
  absl::Status RunHook(const api::core::v1::LifecycleHandler& hook, const ProbeTarget& target,
                       absl::Duration timeout);

 private:
  ProbeAnswer Http(HttpCall call, absl::Duration timeout);
  ProbeAnswer Exec(const ProbeTarget& target, const api::core::v1::Probe& probe,
                   absl::Duration timeout);

  cri::Runtime& runtime_;
  const Fetch fetch_;
};

// Connections of their own for each call, TLS unverified, as probes do.
Prober::Fetch MakeProbeFetch(http::IoContext& io);

}  // namespace berth::agent

#endif  // BERTH_AGENT_PROBES_PROBER_H_
