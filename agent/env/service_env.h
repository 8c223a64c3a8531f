// SPDX-License-Identifier: Apache-2.0
// The variables that announce services: WEB_SERVICE_HOST, WEB_PORT_80_TCP_ADDR and so on.
#ifndef BERTH_AGENT_ENV_SERVICE_ENV_H_
#define BERTH_AGENT_ENV_SERVICE_ENV_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace berth::api::core::v1 {
class Service;
}

namespace berth::agent {

// `services` as an ObjectReader lists them. Without `links` only kubernetes.default counts.
std::map<std::string, std::string> ServiceEnvironment(
    const std::vector<std::shared_ptr<const api::core::v1::Service>>& services,
    std::string_view namespace_, bool links);

}  // namespace berth::agent

#endif  // BERTH_AGENT_ENV_SERVICE_ENV_H_
