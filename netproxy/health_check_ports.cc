// SPDX-License-Identifier: Apache-2.0
#include "netproxy/health_check_ports.h"

#include <utility>

#include "api/object.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::netproxy {

HealthCheckPorts::HealthCheckPorts(http::IoContext& io, base::Executor& executor,
                                   std::string bind_address)
    : io_(io), executor_(executor), bind_address_(std::move(bind_address)) {}

HealthCheckPorts::~HealthCheckPorts() {
  // Servers wait for their handlers, which look at the map.
  std::map<std::string, Port, std::less<>> ports;
  base::MutexLock lock(mu_);
  ports.swap(ports_);
}

void HealthCheckPorts::SetProxyHealthy(std::function<bool()> healthy) {
  base::MutexLock lock(mu_);
  healthy_ = std::move(healthy);
}

absl::Status HealthCheckPorts::Set(std::string_view service, int port, int local_endpoints) {
  Port old;  // its server ends outside the lock
  {
    base::MutexLock lock(mu_);
    const auto found = ports_.find(service);
    if (found != ports_.end()) {
      if (found->second.number == port) {
        found->second.local_endpoints = local_endpoints;
        return absl::OkStatus();
      }
      old = std::move(found->second);
      ports_.erase(found);
    }
  }
  old.server.reset();
  if (port == 0) return absl::OkStatus();
  Port made;
  made.number = port;
  made.local_endpoints = local_endpoints;
  ASSIGN_OR_RETURN(made.server,
                   http::MakeServer(io_, executor_, {},
                                    [this, key = std::string(service)](
                                        const std::shared_ptr<http::Exchange>& exchange) {
                                      exchange->Respond(Answer(key));
                                    }));
  RETURN_IF_ERROR(made.server->Listen(base::StrCat(bind_address_, ":", port)).status(),
                  "health check port of service ", service);
  base::MutexLock lock(mu_);
  ports_[std::string(service)] = std::move(made);
  return absl::OkStatus();
}

http::Response HealthCheckPorts::Answer(std::string_view service) const {
  std::function<bool()> healthy;
  int local = 0;
  {
    base::MutexLock lock(mu_);
    const auto found = ports_.find(service);
    if (found != ports_.end()) local = found->second.local_endpoints;
    healthy = healthy_;
  }
  const bool proxy = healthy == nullptr || healthy();
  const auto [namespace_, name] = api::SplitKey(service);
  http::Response out;
  out.status = local > 0 && proxy ? 200 : 503;
  out.headers.Set("Content-Type", "application/json");
  out.headers.Set("X-Content-Type-Options", "nosniff");
  out.headers.Set("X-Load-Balancing-Endpoint-Weight", base::StrCat(local));
  out.body = base::StrCat("{\n\t\"service\": {\n\t\t\"namespace\": \"", namespace_,
                          "\",\n\t\t\"name\": \"", name, "\"\n\t},\n\t\"localEndpoints\": ", local,
                          ",\n\t\"serviceProxyHealthy\": ", proxy, "\n}");
  return out;
}

}  // namespace berth::netproxy
