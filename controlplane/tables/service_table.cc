// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "base/strings.h"
#include "controlplane/tables/table.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Endpoints;
using api::core::v1::Service;
using api::discovery::v1::EndpointSlice;
using base::StrCat;

std::string ExternalIps(const Service& service) {
  std::vector<std::string> ips;
  for (const auto& ingress : service.status().load_balancer().ingress()) {
    ips.push_back(ingress.ip().empty() ? ingress.hostname() : ingress.ip());
  }
  for (const auto& ip : service.spec().external_ips()) ips.push_back(ip);
  if (service.spec().type() == "ExternalName") return service.spec().external_name();
  if (ips.empty()) return service.spec().type() == "LoadBalancer" ? "<pending>" : "<none>";
  return base::Join(ips, ",");
}

std::string Ports(const Service& service) {
  std::vector<std::string> ports;
  for (const auto& port : service.spec().ports()) {
    ports.push_back(port.node_port() == 0
                        ? StrCat(port.port(), "/", port.protocol())
                        : StrCat(port.port(), ":", port.node_port(), "/", port.protocol()));
  }
  return OrNone(base::Join(ports, ","));
}

std::vector<std::string> ServiceRow(const api::Message& object, absl::Time now) {
  const auto& service = static_cast<const Service&>(object);
  const auto& selector = service.spec().selector();
  return {NameCell(object),
          TextCell(service.spec().type()),
          TextCell(OrNone(service.spec().cluster_ip())),
          TextCell(ExternalIps(service)),
          TextCell(Ports(service)),
          AgeCell(object, now),
          TextCell(LabelsText({selector.begin(), selector.end()}))};
}

// At most `limit` of them, then how many more there are.
std::string Shortened(const std::vector<std::string>& all, size_t limit) {
  if (all.size() <= limit) return OrNone(base::Join(all, ","));
  const std::vector<std::string> shown(all.begin(), all.begin() + limit);
  return StrCat(base::Join(shown, ","), " + ", all.size() - limit, " more...");
}

std::vector<std::string> EndpointsRow(const api::Message& object, absl::Time now) {
  std::vector<std::string> all;
  for (const auto& subset : static_cast<const Endpoints&>(object).subsets()) {
    for (const auto& address : subset.addresses()) {
      if (subset.ports().empty()) all.push_back(address.ip());
      for (const auto& port : subset.ports()) {
        all.push_back(StrCat(address.ip(), ":", port.port()));
      }
    }
  }
  return {NameCell(object), TextCell(Shortened(all, 3)), AgeCell(object, now)};
}

std::vector<std::string> EndpointSliceRow(const api::Message& object, absl::Time now) {
  const auto& slice = static_cast<const EndpointSlice&>(object);
  std::vector<std::string> ports;
  std::vector<std::string> addresses;
  for (const auto& port : slice.ports()) {
    ports.push_back(port.has_port() ? StrCat(port.port()) : "*");
  }
  for (const auto& endpoint : slice.endpoints()) {
    addresses.insert(addresses.end(), endpoint.addresses().begin(), endpoint.addresses().end());
  }
  auto or_unset = [](std::string text) { return text == "<none>" ? "<unset>" : text; };
  return {NameCell(object), TextCell(slice.address_type()), TextCell(or_unset(Shortened(ports, 3))),
          TextCell(or_unset(Shortened(addresses, 3))), AgeCell(object, now)};
}

}  // namespace

std::vector<NamedPrinter> ServicePrinters() {
  return {{"",
           "Service",
           {{{.name = "Name", .format = "name"},
             {.name = "Type"},
             {.name = "Cluster-IP"},
             {.name = "External-IP"},
             {.name = "Port(s)"},
             {.name = "Age"},
             {.name = "Selector", .priority = 1}},
            ServiceRow}},
          {"",
           "Endpoints",
           {{{.name = "Name", .format = "name"}, {.name = "Endpoints"}, {.name = "Age"}},
            EndpointsRow}},
          {"discovery.k8s.io",
           "EndpointSlice",
           {{{.name = "Name", .format = "name"},
             {.name = "AddressType"},
             {.name = "Ports"},
             {.name = "Endpoints"},
             {.name = "Age"}},
            EndpointSliceRow}}};
}

}  // namespace berth::controlplane
