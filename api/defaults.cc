// SPDX-License-Identifier: Apache-2.0
#include "api/defaults.h"

#include <google/protobuf/message.h>

#include <algorithm>

#include "api/defaults_pod.h"
#include "api/defaults_workload.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"

namespace berth::api {
namespace {

constexpr int kAffinitySeconds = 10800;

void DefaultPod(Message& object) {
  auto& pod = static_cast<core::v1::Pod&>(object);
  internal::DefaultPodSpec(*pod.mutable_spec());
  internal::DefaultPodOnly(*pod.mutable_spec());
}

bool IsUnset(const IntOrString& value) {
  return value.type() == 0 ? value.int_val() == 0 : value.str_val().empty();
}

void DefaultServicePorts(core::v1::ServiceSpec& spec) {
  for (auto& port : *spec.mutable_ports()) {
    if (port.protocol().empty()) port.set_protocol("TCP");
    if (!IsUnset(port.target_port())) continue;
    port.mutable_target_port()->Clear();
    port.mutable_target_port()->set_type(0);
    port.mutable_target_port()->set_int_val(port.port());
  }
}

void DefaultService(Message& object) {
  auto& spec = *static_cast<core::v1::Service&>(object).mutable_spec();
  if (spec.session_affinity().empty()) spec.set_session_affinity("None");
  if (spec.session_affinity() == "None") spec.clear_session_affinity_config();
  if (spec.session_affinity() == "ClientIP") {
    auto& client = *spec.mutable_session_affinity_config()->mutable_client_ip();
    if (!client.has_timeout_seconds()) client.set_timeout_seconds(kAffinitySeconds);
  }
  if (spec.type().empty()) spec.set_type("ClusterIP");
  DefaultServicePorts(spec);
  const bool balanced = spec.type() == "LoadBalancer";
  const bool outside = balanced || spec.type() == "NodePort";
  if ((outside || (spec.type() == "ClusterIP" && spec.external_ips_size() > 0)) &&
      spec.external_traffic_policy().empty()) {
    spec.set_external_traffic_policy("Cluster");
  }
  if ((outside || spec.type() == "ClusterIP") && !spec.has_internal_traffic_policy()) {
    spec.set_internal_traffic_policy("Cluster");
  }
  if (balanced && !spec.has_allocate_load_balancer_node_ports()) {
    spec.set_allocate_load_balancer_node_ports(true);
  }
}

void DefaultNamespace(Message& object) {
  auto& space = static_cast<core::v1::Namespace&>(object);
  if (!space.metadata().name().empty()) {
    (*space.mutable_metadata()->mutable_labels())["kubernetes.io/metadata.name"] =
        space.metadata().name();
  }
  if (space.status().phase().empty()) space.mutable_status()->set_phase("Active");
}

void DefaultSecret(Message& object) {
  auto& secret = static_cast<core::v1::Secret&>(object);
  if (secret.type().empty()) secret.set_type("Opaque");
  // Write-only: what is given as text becomes data.
  for (const auto& [key, text] : secret.string_data()) (*secret.mutable_data())[key] = text;
  secret.clear_string_data();
}

void DefaultNode(Message& object) {
  auto& node = static_cast<core::v1::Node&>(object);
  if (node.status().capacity_size() == 0) return;
  auto& status = *node.mutable_status();
  if (status.allocatable_size() == 0) *status.mutable_allocatable() = status.capacity();
}

void DefaultEndpoints(Message& object) {
  auto& endpoints = static_cast<core::v1::Endpoints&>(object);
  for (auto& subset : *endpoints.mutable_subsets()) {
    for (auto& port : *subset.mutable_ports()) {
      if (port.protocol().empty()) port.set_protocol("TCP");
    }
  }
}

void DefaultEndpointSlice(Message& object) {
  auto& slice = static_cast<discovery::v1::EndpointSlice&>(object);
  for (auto& port : *slice.mutable_ports()) {
    if (!port.has_name()) port.set_name("");
    if (!port.has_protocol()) port.set_protocol("TCP");
  }
}

struct Rule {
  const google::protobuf::Descriptor* type;
  void (*apply)(Message&);
};

void ApplyIpFamilies(core::v1::ServiceSpec& spec) {
  if (spec.type() == "ExternalName") return;
  if (!spec.has_ip_family_policy()) spec.set_ip_family_policy("SingleStack");
  if (spec.ip_families_size() > 0) return;
  const bool v6 = spec.cluster_ip().find(':') != std::string::npos;
  spec.add_ip_families(v6 ? "IPv6" : "IPv4");
}

}  // namespace

void ApplyDefaults(Message& object) {
  const Rule rules[] = {
      {core::v1::Pod::descriptor(), DefaultPod},
      {core::v1::Service::descriptor(), DefaultService},
      {core::v1::Namespace::descriptor(), DefaultNamespace},
      {core::v1::Secret::descriptor(), DefaultSecret},
      {core::v1::Node::descriptor(), DefaultNode},
      {core::v1::Endpoints::descriptor(), DefaultEndpoints},
      {discovery::v1::EndpointSlice::descriptor(), DefaultEndpointSlice},
  };
  for (const Rule& rule : rules) {
    if (rule.type == object.GetDescriptor()) return rule.apply(object);
  }
  // By name, which keeps that schema out of this file.
  const std::string& name = object.GetDescriptor()->full_name();
  if (name == "berth.api.apps.v1.Deployment") return internal::DefaultDeployment(object);
  if (name == "berth.api.apps.v1.ReplicaSet") return internal::DefaultReplicaSet(object);
  if (name == "berth.api.apps.v1.DaemonSet") return internal::DefaultDaemonSet(object);
  if (name == "berth.api.apps.v1.StatefulSet") return internal::DefaultStatefulSet(object);
  if (name == "berth.api.batch.v1.Job") return internal::DefaultJob(object);
  if (name == "berth.api.batch.v1.CronJob") return internal::DefaultCronJob(object);
}

void ApplyCreateDefaults(Message& object) {
  ApplyDefaults(object);
  if (object.GetDescriptor() == core::v1::Service::descriptor()) {
    ApplyIpFamilies(*static_cast<core::v1::Service&>(object).mutable_spec());
  }
  if (object.GetDescriptor() == core::v1::Namespace::descriptor()) {
    auto& finalizers =
        *static_cast<core::v1::Namespace&>(object).mutable_spec()->mutable_finalizers();
    if (std::find(finalizers.begin(), finalizers.end(), "kubernetes") == finalizers.end()) {
      *finalizers.Add() = "kubernetes";
    }
  }
}

}  // namespace berth::api
