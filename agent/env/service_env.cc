// SPDX-License-Identifier: Apache-2.0
#include "agent/env/service_env.h"

#include "api/proto/core/v1/service.pb.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Service;
using api::core::v1::ServicePort;
using base::StrCat;

std::string Upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == '-') c = '_';
  }
  return out;
}

// IPv6 addresses stand in brackets before a port.
std::string HostPort(const std::string& host, int port) {
  if (host.find(':') != std::string::npos) return StrCat("[", host, "]:", port);
  return StrCat(host, ":", port);
}

void AddLinks(const Service& service, const std::string& prefix,
              std::map<std::string, std::string>& out) {
  const std::string& ip = service.spec().cluster_ip();
  bool first = true;
  for (const ServicePort& port : service.spec().ports()) {
    const std::string protocol = port.protocol().empty() ? "TCP" : port.protocol();
    const std::string url = StrCat(base::ToLower(protocol), "://", HostPort(ip, port.port()));
    if (first) out[prefix + "_PORT"] = url;
    first = false;
    const std::string name = StrCat(prefix, "_PORT_", port.port(), "_", Upper(protocol));
    out[name] = url;
    out[name + "_PROTO"] = base::ToLower(protocol);
    out[name + "_PORT"] = StrCat(port.port());
    out[name + "_ADDR"] = ip;
  }
}

void AddService(const Service& service, std::map<std::string, std::string>& out) {
  if (service.spec().ports().empty()) return;
  const std::string prefix = Upper(service.metadata().name());
  out[prefix + "_SERVICE_HOST"] = service.spec().cluster_ip();
  out[prefix + "_SERVICE_PORT"] = StrCat(service.spec().ports(0).port());
  for (const ServicePort& port : service.spec().ports()) {
    if (port.name().empty()) continue;
    out[StrCat(prefix, "_SERVICE_PORT_", Upper(port.name()))] = StrCat(port.port());
  }
  AddLinks(service, prefix, out);
}

bool HasAddress(const Service& service) {
  return !service.spec().cluster_ip().empty() && service.spec().cluster_ip() != "None";
}

bool IsMaster(const Service& service) {
  return service.metadata().namespace_() == "default" && service.metadata().name() == "kubernetes";
}

}  // namespace

std::map<std::string, std::string> ServiceEnvironment(
    const std::vector<std::shared_ptr<const Service>>& services, std::string_view namespace_,
    bool links) {
  std::map<std::string, std::string> out;
  for (const auto& service : services) {
    if (HasAddress(*service) && IsMaster(*service)) AddService(*service, out);
  }
  if (!links) return out;
  // A service of the pod's own namespace wins over the master service of the same name.
  for (const auto& service : services) {
    if (HasAddress(*service) && service->metadata().namespace_() == namespace_) {
      AddService(*service, out);
    }
  }
  return out;
}

}  // namespace berth::agent
