// SPDX-License-Identifier: Apache-2.0
// Cluster addresses and node ports of services. Both are rebuilt from the stored services at start,
// so that nothing beside the services has to be kept.
#include <set>

#include "api/proto/core/v1/service.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/strategies/allocator.h"
#include "controlplane/strategies/strategies.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Service;
using api::core::v1::ServicePort;
using api::core::v1::ServiceSpec;
using base::StrCat;

bool HasClusterIp(const ServiceSpec& spec) {
  return !spec.cluster_ip().empty() && spec.cluster_ip() != "None";
}
bool WantsClusterIp(const ServiceSpec& spec) { return spec.type() != "ExternalName"; }
bool WantsNodePorts(const ServiceSpec& spec) {
  if (spec.type() == "NodePort") return true;
  return spec.type() == "LoadBalancer" && (!spec.has_allocate_load_balancer_node_ports() ||
                                           spec.allocate_load_balancer_node_ports());
}

std::set<uint32_t> NodePortsOf(const ServiceSpec& spec) {
  std::set<uint32_t> ports;
  for (const ServicePort& port : spec.ports()) {
    if (port.node_port() > 0) ports.insert(port.node_port());
  }
  if (spec.health_check_node_port() > 0) ports.insert(spec.health_check_node_port());
  return ports;
}

bool IsExternal(const ServiceSpec& spec) {
  return spec.type() == "NodePort" || spec.type() == "LoadBalancer";
}
bool NeedsHealthPort(const ServiceSpec& spec) {
  return spec.type() == "LoadBalancer" && spec.external_traffic_policy() == "Local";
}

// A client that changes the type alone does not have to clear what only the old type has. What it
// set anew is left to validation.
void DropFieldsOfOldType(const ServiceSpec& was, ServiceSpec& spec) {
  if (WantsClusterIp(was) && !WantsClusterIp(spec) && spec.cluster_ip() == was.cluster_ip()) {
    spec.clear_cluster_ip();
    spec.clear_cluster_ips();
    spec.clear_ip_families();
    spec.clear_ip_family_policy();
    spec.clear_internal_traffic_policy();
  }
  if (WantsNodePorts(was) && !WantsNodePorts(spec)) {
    const std::set<uint32_t> had = NodePortsOf(was);
    for (ServicePort& port : *spec.mutable_ports()) {
      if (had.count(port.node_port()) > 0) port.clear_node_port();
    }
  }
  if (IsExternal(was) && !IsExternal(spec) &&
      spec.external_traffic_policy() == was.external_traffic_policy()) {
    spec.clear_external_traffic_policy();
  }
  if (NeedsHealthPort(was) && !NeedsHealthPort(spec) &&
      spec.health_check_node_port() == was.health_check_node_port()) {
    spec.clear_health_check_node_port();
  }
  if (was.type() == "LoadBalancer" && spec.type() != "LoadBalancer") {
    spec.clear_allocate_load_balancer_node_ports();
    if (spec.load_balancer_class() == was.load_balancer_class()) {
      spec.clear_load_balancer_class();
    }
  }
}

class ServiceStrategy : public Strategy {
 public:
  ServiceStrategy(Ipv4Range addresses, std::pair<int, int> ports)
      : addresses_(addresses.first + 1, addresses.last - 1), ports_(ports.first, ports.second) {
    addresses_.Take(addresses.first + 1);  // of the service "kubernetes"
    first_address_ = FormatIpv4(addresses.first + 1);
  }

  void TakeStored(const Service& service) {
    if (const auto ip = ParseIpv4(service.spec().cluster_ip()); ip.has_value()) {
      addresses_.Take(*ip);
    }
    for (const uint32_t port : NodePortsOf(service.spec())) ports_.Take(port);
  }

  absl::Status PrepareForUpdate(const WriteContext&, const api::Message& old,
                                api::Message& object) override {
    const ServiceSpec& was = static_cast<const Service&>(old).spec();
    ServiceSpec& spec = *static_cast<Service&>(object).mutable_spec();
    if (WantsClusterIp(was) && WantsClusterIp(spec) && spec.cluster_ip().empty()) {
      spec.set_cluster_ip(was.cluster_ip());
      *spec.mutable_cluster_ips() = was.cluster_ips();
    }
    DropFieldsOfOldType(was, spec);
    if (!WantsNodePorts(was) || !WantsNodePorts(spec)) return absl::OkStatus();
    for (ServicePort& port : *spec.mutable_ports()) {
      if (port.node_port() != 0) continue;
      for (const ServicePort& before : was.ports()) {
        if (before.port() == port.port() && before.protocol() == port.protocol()) {
          port.set_node_port(before.node_port());
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status Allocate(const WriteContext& context, const api::Message* old,
                        api::Message& object) override {
    auto& service = static_cast<Service&>(object);
    const ServiceSpec none;
    const ServiceSpec& was = old == nullptr ? none : static_cast<const Service*>(old)->spec();
    // A dry run takes nothing, and cannot tell what it would get.
    if (context.dry_run) return absl::OkStatus();
    RETURN_IF_ERROR(TakeAddress(was, service));
    absl::Status status = TakePorts(was, service);
    if (!status.ok() && service.spec().cluster_ip() != was.cluster_ip()) {
      ReleaseAddress(service.spec());
    }
    return status;
  }

  void Release(const api::Message& object) override {
    const ServiceSpec& spec = static_cast<const Service&>(object).spec();
    ReleaseAddress(spec);
    for (const uint32_t port : NodePortsOf(spec)) ports_.Release(port);
  }

  void Updated(const api::Message& old, const api::Message& now) override {
    const ServiceSpec& was = static_cast<const Service&>(old).spec();
    const ServiceSpec& is = static_cast<const Service&>(now).spec();
    if (was.cluster_ip() != is.cluster_ip()) ReleaseAddress(was);
    const std::set<uint32_t> kept = NodePortsOf(is);
    for (const uint32_t port : NodePortsOf(was)) {
      if (kept.count(port) == 0) ports_.Release(port);
    }
  }

 private:
  absl::Status TakeAddress(const ServiceSpec& was, Service& service) {
    ServiceSpec& spec = *service.mutable_spec();
    if (!WantsClusterIp(spec)) {
      spec.clear_cluster_ip();
      spec.clear_cluster_ips();
      return absl::OkStatus();
    }
    if (spec.cluster_ip().empty() && spec.cluster_ips_size() > 0) {
      spec.set_cluster_ip(spec.cluster_ips(0));
    }
    if (spec.cluster_ip().empty()) {
      const auto address = addresses_.TakeAny();
      if (!address.has_value()) return InternalError("no cluster address is left");
      spec.set_cluster_ip(FormatIpv4(*address));
    } else if (HasClusterIp(spec) && spec.cluster_ip() != was.cluster_ip()) {
      RETURN_IF_ERROR(TakeGivenAddress(service));
    }
    spec.clear_cluster_ips();
    spec.add_cluster_ips(spec.cluster_ip());
    if (spec.ip_families().empty()) spec.add_ip_families("IPv4");
    if (!spec.has_ip_family_policy()) spec.set_ip_family_policy("SingleStack");
    return absl::OkStatus();
  }

  absl::Status TakeGivenAddress(const Service& service) {
    const std::string& text = service.spec().cluster_ip();
    const auto address = ParseIpv4(text);
    const bool kubernetes = service.metadata().name() == "kubernetes" &&
                            service.metadata().namespace_() == "default" && text == first_address_;
    std::string why;
    if (!address.has_value() || !addresses_.Contains(*address)) {
      why = StrCat("failed to allocate IP ", text, ": the provided IP is not in the valid range");
    } else if (!kubernetes && !addresses_.Take(*address)) {
      why = StrCat("failed to allocate IP ", text, ": provided IP is already allocated");
    }
    if (why.empty()) return absl::OkStatus();
    return InvalidError({"", "services", "Service", service.metadata().name()},
                        {{"FieldValueInvalid", StrCat("Invalid value: [\"", text, "\"]: ", why),
                          "spec.clusterIPs"}});
  }

  absl::Status TakePorts(const ServiceSpec& was, Service& service) {
    ServiceSpec& spec = *service.mutable_spec();
    const std::set<uint32_t> had = NodePortsOf(was);
    std::set<uint32_t> took;
    absl::Status status;
    for (int i = 0; i < spec.ports_size() && status.ok(); ++i) {
      ServicePort& port = *spec.mutable_ports(i);
      if (port.node_port() == 0 && WantsNodePorts(spec)) {
        const auto any = ports_.TakeAny();
        if (!any.has_value()) {
          status = InternalError("no node port is left");
        } else {
          port.set_node_port(static_cast<int32_t>(*any));
          took.insert(*any);
        }
        continue;
      }
      const auto wanted = static_cast<uint32_t>(port.node_port());
      // One number may serve TCP and UDP of the same service.
      if (wanted == 0 || had.count(wanted) > 0 || took.count(wanted) > 0) continue;
      status = TakeGivenPort(service, i);
      if (status.ok()) took.insert(wanted);
    }
    if (status.ok() && NeedsHealthPort(spec) && spec.health_check_node_port() == 0) {
      const auto any = ports_.TakeAny();
      if (!any.has_value()) status = InternalError("no node port is left");
      if (any.has_value()) spec.set_health_check_node_port(static_cast<int32_t>(*any));
    }
    if (!status.ok()) {
      for (const uint32_t port : took) ports_.Release(port);
    }
    return status;
  }

  absl::Status TakeGivenPort(const Service& service, int index) {
    const int32_t port = service.spec().ports(index).node_port();
    std::string why;
    if (!ports_.Contains(static_cast<uint32_t>(port))) {
      why = "provided port is not in the valid range";
    } else if (!ports_.Take(static_cast<uint32_t>(port))) {
      why = "provided port is already allocated";
    }
    if (why.empty()) return absl::OkStatus();
    return InvalidError({"", "services", "Service", service.metadata().name()},
                        {{"FieldValueInvalid", StrCat("Invalid value: ", port, ": ", why),
                          StrCat("spec.ports[", index, "].nodePort")}});
  }

  void ReleaseAddress(const ServiceSpec& spec) {
    const auto address = ParseIpv4(spec.cluster_ip());
    if (address.has_value() && spec.cluster_ip() != first_address_) addresses_.Release(*address);
  }

  Allocator addresses_;
  Allocator ports_;
  std::string first_address_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Strategy>> MakeServiceStrategy(const ObjectCache& cache,
                                                              const ServiceRange& range) {
  ASSIGN_OR_RETURN(const Ipv4Range addresses, ParseCidr(range.cidr), "service addresses");
  if (range.node_ports.first <= 0 || range.node_ports.second > 65535 ||
      range.node_ports.first > range.node_ports.second) {
    return base::InvalidArgument("node ports ", range.node_ports.first, "-",
                                 range.node_ports.second, " are no range of ports");
  }
  auto strategy = std::make_unique<ServiceStrategy>(addresses, range.node_ports);
  for (const CachedObject& object : cache.List(*FindResource("", "v1", "services"), "").objects) {
    strategy->TakeStored(static_cast<const Service&>(*object.object));
  }
  return strategy;
}

}  // namespace berth::controlplane
