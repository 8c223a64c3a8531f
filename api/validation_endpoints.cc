// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "api/validation_kinds.h"
#include "api/validation_names.h"

namespace berth::api::internal {
namespace {

constexpr int kMostEndpoints = 1000;
constexpr int kMostPorts = 20000;

template <class Addresses>
void CheckAddresses(const Addresses& addresses, const Path& path, Findings& findings) {
  for (int i = 0; i < addresses.size(); ++i) {
    const auto& address = addresses[i];
    findings.Check(path[i] / "ip", address.ip(), EndpointIpProblem(address.ip()));
    if (!address.hostname().empty()) {
      findings.Check(path[i] / "hostname", address.hostname(),
                     Dns1123LabelProblem(address.hostname()));
    }
    if (address.has_node_name()) {
      findings.Check(path[i] / "nodeName", address.node_name(),
                     Dns1123SubdomainProblem(address.node_name()));
    }
  }
}

void CheckSliceEndpoint(const discovery::v1::EndpointSlice& slice,
                        const discovery::v1::Endpoint& endpoint, const Path& path,
                        Findings& findings) {
  const Path at = path / "addresses";
  if (endpoint.addresses_size() == 0) findings.Required(at, "must contain at least 1 address");
  for (int i = 0; i < endpoint.addresses_size(); ++i) {
    const std::string& address = endpoint.addresses(i);
    if (slice.address_type() == "FQDN") {
      findings.Check(at[i], address, Dns1123SubdomainProblem(address));
    } else if (slice.address_type() == "IPv4" && !IsIpv4(address)) {
      findings.Invalid(at[i], address, "must be a valid IPv4 address");
    } else if (slice.address_type() == "IPv6" && !IsIpv6(address)) {
      findings.Invalid(at[i], address, "must be a valid IPv6 address");
    } else {
      findings.Check(at[i], address, EndpointIpProblem(address));
    }
  }
  if (endpoint.has_hostname()) {
    findings.Check(path / "hostname", endpoint.hostname(),
                   Dns1123LabelProblem(endpoint.hostname()));
  }
  if (endpoint.has_node_name()) {
    findings.Check(path / "nodeName", endpoint.node_name(),
                   Dns1123SubdomainProblem(endpoint.node_name()));
  }
}

}  // namespace

void CheckEndpoints(const Message& object, Findings& findings) {
  const auto& endpoints = static_cast<const core::v1::Endpoints&>(object);
  for (int i = 0; i < endpoints.subsets_size(); ++i) {
    const auto& subset = endpoints.subsets(i);
    const Path at = Path("subsets")[i];
    if (subset.addresses_size() == 0 && subset.not_ready_addresses_size() == 0) {
      findings.Required(at, "must specify `addresses` or `notReadyAddresses`");
    }
    CheckAddresses(subset.addresses(), at / "addresses", findings);
    CheckAddresses(subset.not_ready_addresses(), at / "notReadyAddresses", findings);
    for (int j = 0; j < subset.ports_size(); ++j) {
      const auto& port = subset.ports(j);
      const Path here = (at / "ports")[j];
      if (port.name().empty()) {
        if (subset.ports_size() > 1) findings.Required(here / "name");
      } else {
        findings.Check(here / "name", port.name(), Dns1123LabelProblem(port.name()));
      }
      findings.CheckPort(here / "port", port.port());
      findings.CheckOneOf(here / "protocol", port.protocol(), {"SCTP", "TCP", "UDP"});
    }
  }
}

void CheckEndpointSlice(const Message& object, Findings& findings) {
  const auto& slice = static_cast<const discovery::v1::EndpointSlice&>(object);
  findings.CheckOneOf(Path("addressType"), slice.address_type(), {"FQDN", "IPv4", "IPv6"});
  if (slice.endpoints_size() > kMostEndpoints) {
    findings.InvalidNumber(Path("endpoints"), slice.endpoints_size(),
                           "must have at most 1000 items");
  }
  if (slice.ports_size() > kMostPorts) {
    findings.InvalidNumber(Path("ports"), slice.ports_size(), "must have at most 20000 items");
  }
  for (int i = 0; i < slice.endpoints_size(); ++i) {
    CheckSliceEndpoint(slice, slice.endpoints(i), Path("endpoints")[i], findings);
  }
  std::set<std::string> names;
  for (int i = 0; i < slice.ports_size(); ++i) {
    const auto& port = slice.ports(i);
    const Path at = Path("ports")[i];
    if (!port.name().empty()) {
      findings.Check(at / "name", port.name(), Dns1123LabelProblem(port.name()));
    }
    if (!names.insert(port.name()).second) findings.Duplicate(at / "name", port.name());
    if (port.has_port()) findings.CheckPort(at / "port", port.port());
    findings.CheckOneOf(at / "protocol", port.protocol(), {"SCTP", "TCP", "UDP"});
  }
}

void CheckEndpointSliceUpdate(const Message& object, const Message& old, Findings& findings) {
  const auto& slice = static_cast<const discovery::v1::EndpointSlice&>(object);
  const auto& before = static_cast<const discovery::v1::EndpointSlice&>(old);
  if (slice.address_type() != before.address_type()) {
    findings.Invalid(Path("addressType"), slice.address_type(), "field is immutable");
  }
}

}  // namespace berth::api::internal
