// SPDX-License-Identifier: Apache-2.0
#ifndef BERTH_CONTROLPLANE_SUBRESOURCES_LOG_RELAY_H_
#define BERTH_CONTROLPLANE_SUBRESOURCES_LOG_RELAY_H_

#include <memory>

#include "controlplane/apiserver/request_scope.h"
#include "http/client.h"

namespace berth::controlplane {

// Answers the scope's exchange with what a kubelet answers to `request`, piece by piece as it
// comes. Ends when either side does. Returns at once.
void RelayLog(const RequestScope& scope, std::shared_ptr<http::Client> client,
              const http::Request& request);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_SUBRESOURCES_LOG_RELAY_H_
