// SPDX-License-Identifier: Apache-2.0
// One gRPC probe: grpc.health.v1.Health/Check without TLS, over a connection of its own that ends
// with the call, as a probe is to show that new clients get through. Blocking, up to the timeout;
// thread-safe.
#ifndef BERTH_AGENT_PROBES_GRPC_HEALTH_H_
#define BERTH_AGENT_PROBES_GRPC_HEALTH_H_

#include <string>

#include "absl/time/time.h"
#include "agent/probes/prober.h"

namespace berth::agent {

// `ip` is an address, no name. An empty service asks for the server as a whole.
ProbeAnswer CheckGrpcHealth(const std::string& ip, int port, const std::string& service,
                            absl::Duration timeout);

}  // namespace berth::agent

#endif  // BERTH_AGENT_PROBES_GRPC_HEALTH_H_
