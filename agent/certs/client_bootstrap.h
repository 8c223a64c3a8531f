// SPDX-License-Identifier: Apache-2.0
// How a node that has no identity gets one: with the token of a bootstrap kubeconfig it asks for a
// client certificate, waits for it, and writes the kubeconfig that uses it from then on.
#ifndef BERTH_AGENT_CERTS_CLIENT_BOOTSTRAP_H_
#define BERTH_AGENT_CERTS_CLIENT_BOOTSTRAP_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/executor.h"
#include "http/io_context.h"

namespace berth::agent {

// False when there is no such file, when it cannot be used, or when the client certificate in it
// has ended.
bool KubeconfigIsGood(const std::string& path, absl::Time now);

struct BootstrapOptions {
  std::string kubeconfig, bootstrap_kubeconfig;  // paths
  std::string cert_dir, node_name;
  absl::Duration patience = absl::Hours(1);
  std::function<bool()> go_on = [] { return true; };  // asked several times a second
};

// Blocks until the kubeconfig is there. Unauthenticated and PermissionDenied when the token is not
// taken, FailedPrecondition when the request is refused, DeadlineExceeded, Cancelled.
absl::Status BootstrapClient(const BootstrapOptions& options, http::IoContext& io,
                             base::Executor& executor, base::Clock& clock);

}  // namespace berth::agent

#endif  // BERTH_AGENT_CERTS_CLIENT_BOOTSTRAP_H_
