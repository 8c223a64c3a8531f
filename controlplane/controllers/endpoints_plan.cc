// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/endpoints_plan.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "controlplane/controllers/endpoint_slice_plan.h"
#include "controlplane/controllers/pod_state.h"
#include "controlplane/controllers/service_endpoints.h"

namespace berth::controlplane {
namespace {

using api::core::v1::EndpointAddress;
using api::core::v1::Endpoints;
using api::core::v1::EndpointSubset;
using api::core::v1::Pod;
using api::core::v1::Service;
using google::protobuf::util::MessageDifferencer;

constexpr char kOverCapacity[] = "endpoints.kubernetes.io/over-capacity";

struct Place {
  std::string ip;
  std::string uid;
  bool ready = false;
  const Pod* pod = nullptr;
  auto operator<=>(const Place&) const = default;
};

std::vector<Place> PlacesOf(const Service& service, const std::vector<PodPtr>& pods) {
  std::vector<Place> places;
  const bool all = service.spec().publish_not_ready_addresses();
  const std::string family = FamiliesOf(service).front();
  for (const PodPtr& pod : pods) {
    const std::string_view ip = AddressOf(*pod, family);
    if (!HasEndpoint(*pod) || ip.empty() || (IsTerminating(*pod) && !all)) continue;
    places.push_back({std::string(ip), pod->metadata().uid(), all || IsReady(*pod), pod.get()});
  }
  std::sort(places.begin(), places.end());
  return places;
}

// Cuts to the limit, ready ones first; true when something was cut.
bool Truncate(std::vector<Place>& places) {
  if (places.size() <= static_cast<size_t>(kMaxEndpointsAddresses)) return false;
  std::stable_partition(places.begin(), places.end(), [](const Place& p) { return p.ready; });
  places.resize(kMaxEndpointsAddresses);
  std::sort(places.begin(), places.end());
  return true;
}

EndpointAddress AddressFor(const Service& service, const Place& place) {
  EndpointAddress address;
  address.set_ip(place.ip);
  const Pod& pod = *place.pod;
  if (!pod.spec().node_name().empty()) address.set_node_name(pod.spec().node_name());
  if (const auto hostname = HostnameUnder(service, pod); !hostname.empty()) {
    address.set_hostname(std::string(hostname));
  }
  auto& target = *address.mutable_target_ref();
  target.set_kind("Pod");
  target.set_namespace_(pod.metadata().namespace_());
  target.set_name(pod.metadata().name());
  target.set_uid(pod.metadata().uid());
  return address;
}

// Ports that lead to the same places form one subset.
std::map<std::set<Place>, std::vector<TargetPort>> GroupPlaces(const Service& service,
                                                               const std::vector<Place>& places) {
  std::map<TargetPort, std::set<Place>> by_port;
  std::set<Place> portless;
  for (const Place& place : places) {
    const auto ports = TargetPortsOf(service, *place.pod);
    if (ports.empty() && service.spec().ports().empty() && IsHeadless(service)) {
      portless.insert(place);
    }
    for (const TargetPort& port : ports) by_port[port].insert(place);
  }
  std::map<std::set<Place>, std::vector<TargetPort>> groups;
  for (auto& [port, there] : by_port) groups[there].push_back(port);
  if (!portless.empty()) groups[portless];
  return groups;
}

}  // namespace

Endpoints MakeEndpoints(const Service& service, const std::vector<PodPtr>& pods) {
  Endpoints endpoints;
  auto& meta = *endpoints.mutable_metadata();
  meta.set_name(service.metadata().name());
  meta.set_namespace_(service.metadata().namespace_());
  auto& labels = *meta.mutable_labels();
  labels = service.metadata().labels();
  labels["endpoints.kubernetes.io/managed-by"] = "endpoint-controller";
  labels.erase(std::string(kHeadlessLabel));
  if (IsHeadless(service)) labels[std::string(kHeadlessLabel)] = "";
  auto& annotations = *meta.mutable_annotations();
  annotations[std::string(kLastTriggerAnnotation)] = LastTrigger(service, pods);
  std::vector<Place> places = PlacesOf(service, pods);
  if (Truncate(places)) annotations[kOverCapacity] = "truncated";
  for (const auto& [there, ports] : GroupPlaces(service, places)) {
    EndpointSubset& subset = *endpoints.add_subsets();
    for (const Place& place : there) {
      *(place.ready ? subset.add_addresses() : subset.add_not_ready_addresses()) =
          AddressFor(service, place);
    }
    for (const TargetPort& port : ports) {
      auto& out = *subset.add_ports();
      if (!port.name.empty()) out.set_name(port.name);
      out.set_port(port.port);
      out.set_protocol(port.protocol);
      if (!port.app_protocol.empty()) out.set_app_protocol(port.app_protocol);
    }
  }
  return endpoints;
}

bool SameEndpoints(const Endpoints& a, const Endpoints& b) {
  const auto strip = [](const Endpoints& endpoints) {
    Endpoints out;
    *out.mutable_subsets() = endpoints.subsets();
    *out.mutable_metadata()->mutable_labels() = endpoints.metadata().labels();
    const auto& annotations = endpoints.metadata().annotations();
    if (const auto it = annotations.find(kOverCapacity); it != annotations.end()) {
      (*out.mutable_metadata()->mutable_annotations())[kOverCapacity] = it->second;
    }
    return out;
  };
  return MessageDifferencer::Equivalent(strip(a), strip(b));
}

}  // namespace berth::controlplane
