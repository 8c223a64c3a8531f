// SPDX-License-Identifier: Apache-2.0
#ifndef BERTH_AGENT_PROBES_TCP_CONNECT_H_
#define BERTH_AGENT_PROBES_TCP_CONNECT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace berth::agent {

// Whether something accepts connections there; the connection is closed at once. The host is an
// address or a name.
absl::Status TcpConnect(const std::string& host, int port, absl::Duration timeout);

}  // namespace berth::agent

#endif  // BERTH_AGENT_PROBES_TCP_CONNECT_H_
