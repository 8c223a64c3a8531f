// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/endpoint_slice_plan.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <map>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "base/strings.h"
#include "controlplane/controllers/ownership.h"
#include "controlplane/controllers/pod_state.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Pod;
using api::core::v1::Service;
using api::discovery::v1::Endpoint;
using api::discovery::v1::EndpointSlice;
using google::protobuf::util::MessageDifferencer;

// Slices of one address family and set of ports are packed together.
struct Group {
  std::string family;
  std::vector<TargetPort> ports;
  auto operator<=>(const Group&) const = default;
};
using Wanted = std::map<std::string, Endpoint>;  // by pod uid and address

std::string IdentityOf(const Endpoint& endpoint) {
  return base::StrCat(endpoint.target_ref().uid(), "/",
                      endpoint.addresses_size() > 0 ? endpoint.addresses(0) : "");
}

Endpoint MakeEndpoint(const Service& service, const Pod& pod, std::string_view address,
                      const FindNode& find_node) {
  Endpoint endpoint;
  endpoint.add_addresses(std::string(address));
  const bool serving = IsReady(pod), terminating = IsTerminating(pod);
  auto& conditions = *endpoint.mutable_conditions();
  conditions.set_ready(service.spec().publish_not_ready_addresses() || (serving && !terminating));
  conditions.set_serving(serving);
  conditions.set_terminating(terminating);
  auto& target = *endpoint.mutable_target_ref();
  target.set_kind("Pod");
  target.set_namespace_(pod.metadata().namespace_());
  target.set_name(pod.metadata().name());
  target.set_uid(pod.metadata().uid());
  if (const auto hostname = HostnameUnder(service, pod); !hostname.empty()) {
    endpoint.set_hostname(std::string(hostname));
  }
  if (pod.spec().node_name().empty()) return endpoint;
  endpoint.set_node_name(pod.spec().node_name());
  if (const NodePtr node = find_node(pod.spec().node_name()); node != nullptr) {
    const auto zone = node->metadata().labels().find("topology.kubernetes.io/zone");
    if (zone != node->metadata().labels().end()) endpoint.set_zone(zone->second);
  }
  return endpoint;
}

std::map<Group, Wanted> WantedEndpoints(const Service& service, const std::vector<PodPtr>& pods,
                                        const FindNode& find_node) {
  std::map<Group, Wanted> groups;
  for (const std::string& family : FamiliesOf(service)) {
    for (const PodPtr& pod : pods) {
      const std::string_view address = AddressOf(*pod, family);
      if (!HasEndpoint(*pod) || address.empty()) continue;
      Endpoint endpoint = MakeEndpoint(service, *pod, address, find_node);
      std::string identity = IdentityOf(endpoint);
      groups[{family, TargetPortsOf(service, *pod)}].emplace(std::move(identity),
                                                             std::move(endpoint));
    }
  }
  return groups;
}

Group GroupOf(const EndpointSlice& slice) {
  Group group{slice.address_type(), {}};
  for (const auto& port : slice.ports()) {
    group.ports.push_back({port.name(), port.protocol(), port.port(), port.app_protocol()});
  }
  return group;
}

// Equal as upstream sees it: a zero that is written equals one that is not.
template <class T>
bool Same(const T& a, const T& b) {
  return MessageDifferencer::Equivalent(a, b);
}

// The labels that slices of this Service carry; true when something changed.
bool SetLabels(const Service& service, EndpointSlice& slice) {
  auto& labels = *slice.mutable_metadata()->mutable_labels();
  google::protobuf::Map<std::string, std::string> wanted = service.metadata().labels();
  wanted.erase(std::string(kHeadlessLabel));
  if (IsHeadless(service)) wanted[std::string(kHeadlessLabel)] = "";
  wanted[std::string(kServiceNameLabel)] = service.metadata().name();
  wanted[std::string(kSliceManagedByLabel)] = std::string(kSliceManager);
  const bool same = labels.size() == wanted.size() &&
                    std::all_of(wanted.begin(), wanted.end(), [&](const auto& pair) {
                      const auto it = labels.find(pair.first);
                      return it != labels.end() && it->second == pair.second;
                    });
  if (!same) labels = std::move(wanted);
  return !same;
}

EndpointSlice NewSlice(const Service& service, const Group& group) {
  EndpointSlice slice;
  auto& meta = *slice.mutable_metadata();
  meta.set_generate_name(base::StrCat(service.metadata().name(), "-"));
  meta.set_namespace_(service.metadata().namespace_());
  AddControllerRef(service, meta);
  SetLabels(service, slice);
  slice.set_address_type(group.family);
  for (const TargetPort& port : group.ports) {
    auto& out = *slice.add_ports();
    out.set_name(port.name);
    out.set_protocol(port.protocol);
    out.set_port(port.port);
    if (!port.app_protocol.empty()) out.set_app_protocol(port.app_protocol);
  }
  return slice;
}

// A slice with its wanted endpoints, and whether that is news.
struct Draft {
  SlicePtr before;
  EndpointSlice slice;
  bool changed = false;
};

// Keeps what is still wanted, in its newest form, and takes it off `wanted`.
Draft Refresh(const Service& service, const SlicePtr& before, Wanted& wanted) {
  Draft draft{before, *before, false};
  draft.slice.clear_endpoints();
  for (const Endpoint& endpoint : before->endpoints()) {
    const auto it = wanted.find(IdentityOf(endpoint));
    if (it == wanted.end()) {
      draft.changed = true;
      continue;
    }
    draft.changed |= !Same(endpoint, it->second);
    *draft.slice.add_endpoints() = std::move(it->second);
    wanted.erase(it);
  }
  draft.changed |= SetLabels(service, draft.slice);
  return draft;
}

int Room(const EndpointSlice& slice) { return kMaxEndpointsPerSlice - slice.endpoints_size(); }

void Fill(Draft& draft, Wanted& wanted) {
  while (Room(draft.slice) > 0 && !wanted.empty()) {
    *draft.slice.add_endpoints() = std::move(wanted.begin()->second);
    wanted.erase(wanted.begin());
    draft.changed = true;
  }
}

void PlaceNew(const Service& service, const Group& group, std::vector<Draft>& drafts,
              Wanted& wanted) {
  for (Draft& draft : drafts) {
    if (draft.changed && draft.slice.endpoints_size() > 0) Fill(draft, wanted);
  }
  while (!wanted.empty()) {
    // The fullest slice that takes all that is left, if there is one.
    Draft* best = nullptr;
    for (Draft& draft : drafts) {
      if (draft.before == nullptr || Room(draft.slice) < static_cast<int>(wanted.size())) continue;
      if (best == nullptr || Room(draft.slice) < Room(best->slice)) best = &draft;
    }
    if (best == nullptr) {
      drafts.push_back({nullptr, NewSlice(service, group), true});
      best = &drafts.back();
    }
    Fill(*best, wanted);
  }
}

void Emit(std::vector<Draft> drafts, std::string_view trigger, SlicePlan& plan) {
  for (Draft& draft : drafts) {
    if (draft.before != nullptr && draft.slice.endpoints_size() == 0) {
      plan.remove.push_back(draft.before);
    } else if (draft.changed) {
      (*draft.slice.mutable_metadata()
            ->mutable_annotations())[std::string(kLastTriggerAnnotation)] = std::string(trigger);
      (draft.before == nullptr ? plan.create : plan.update).push_back(std::move(draft.slice));
    }
  }
}

// A Service without endpoints has one empty slice, so that its readers know it was looked at.
void KeepPlaceholder(const Service& service, size_t existing, SlicePlan& plan) {
  if (existing != plan.remove.size() || !plan.create.empty()) return;
  EndpointSlice empty = NewSlice(service, {FamiliesOf(service).front(), {}});
  for (auto it = plan.remove.begin(); it != plan.remove.end(); ++it) {
    EndpointSlice there = **it;
    if (there.endpoints_size() != 0 || there.ports_size() != 0) continue;
    if (there.address_type() != empty.address_type()) continue;
    if (SetLabels(service, there)) plan.update.push_back(std::move(there));
    plan.remove.erase(it);
    return;
  }
  plan.create.push_back(std::move(empty));
}

}  // namespace

SlicePlan PlanSlices(const Service& service, const std::vector<PodPtr>& pods,
                     const std::vector<SlicePtr>& slices, const FindNode& find_node) {
  std::map<Group, Wanted> wanted = WantedEndpoints(service, pods, find_node);
  std::map<Group, std::vector<Draft>> drafts;
  for (const SlicePtr& slice : slices) {
    const Group group = GroupOf(*slice);
    drafts[group].push_back(Refresh(service, slice, wanted[group]));
  }
  const std::string trigger = LastTrigger(service, pods);
  SlicePlan plan;
  for (auto& [group, left] : wanted) {
    PlaceNew(service, group, drafts[group], left);
    Emit(std::move(drafts[group]), trigger, plan);
  }
  KeepPlaceholder(service, slices.size(), plan);
  return plan;
}

}  // namespace berth::controlplane
