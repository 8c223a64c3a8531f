// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/endpoints_controller.h"

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "api/selector.h"
#include "base/log.h"
#include "base/status.h"
#include "controlplane/controllers/endpoint_slice_plan.h"
#include "controlplane/controllers/endpoints_plan.h"
#include "controlplane/controllers/pod_state.h"
#include "controlplane/controllers/service_endpoints.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Endpoints;
using api::core::v1::Node;
using api::core::v1::Pod;
using api::core::v1::Service;

bool Manages(const Service& service) {
  return !service.spec().selector().empty() && service.spec().type() != "ExternalName";
}

bool SameLabels(const Pod& a, const Pod& b) {
  const auto& left = a.metadata().labels();
  const auto& right = b.metadata().labels();
  if (left.size() != right.size()) return false;
  for (const auto& [key, value] : left) {
    const auto it = right.find(key);
    if (it == right.end() || it->second != value) return false;
  }
  return true;
}

// Most changes of a pod say nothing new about endpoints.
bool SameForEndpoints(const Pod& a, const Pod& b) {
  const auto ips = [](const Pod& pod) {
    std::string all = pod.status().pod_ip();
    for (const auto& ip : pod.status().pod_ips()) base::StrAppend(all, ",", ip.ip());
    return all;
  };
  return IsReady(a) == IsReady(b) && IsTerminating(a) == IsTerminating(b) &&
         IsFinished(a) == IsFinished(b) && a.spec().node_name() == b.spec().node_name() &&
         ips(a) == ips(b) && SameLabels(a, b);
}

std::string ZoneOf(const Node* node) {
  if (node == nullptr) return "";
  const auto it = node->metadata().labels().find("topology.kubernetes.io/zone");
  return it == node->metadata().labels().end() ? "" : it->second;
}

}  // namespace

EndpointsController::EndpointsController(Context& context)
    : context_(context),
      writes_(context.clock),
      queue_(context, "endpoints", [this](const std::string& key) { return Sync(key); }) {
  Informers& informers = context_.informers;
  informers.OnChange<Service>(informers.services, [this](const std::string& key, const Service*,
                                                         const Service*) { queue_.Add(key); });
  informers.OnChange<Pod>(informers.pods, [this](const std::string&, const Pod* before,
                                                 const Pod* after) { OnPod(before, after); });
  informers.OnChange<Node>(informers.nodes, [this](const std::string&, const Node* before,
                                                   const Node* after) { OnNode(before, after); });
  informers.OnChange<EndpointSlice>(
      informers.slices,
      [this](const std::string&, const EndpointSlice* before, const EndpointSlice* after) {
        OnSlice(after != nullptr ? *after : *before);
      });
  informers.OnChange<Endpoints>(
      informers.endpoints,
      [this](const std::string& key, const Endpoints*, const Endpoints*) { queue_.Add(key); });
}

void EndpointsController::Begin() {
  queue_.AddAll(context_.informers.services);
  queue_.AddAll(context_.informers.endpoints);  // some may have lost their Service
}

void EndpointsController::OnPod(const Pod* before, const Pod* after) {
  if (before != nullptr && after != nullptr && SameForEndpoints(*before, *after)) return;
  if (before != nullptr) AddServicesOf(*before);
  if (after != nullptr) AddServicesOf(*after);
}

void EndpointsController::OnNode(const Node* before, const Node* after) {
  if (ZoneOf(before) == ZoneOf(after)) return;
  const Node& node = after != nullptr ? *after : *before;
  for (const auto& pod : context_.informers.pod_index.Find<Pod>(NodeTerm(node.metadata().name()))) {
    AddServicesOf(*pod);
  }
}

void EndpointsController::OnSlice(const EndpointSlice& slice) {
  const auto& labels = slice.metadata().labels();
  const auto manager = labels.find(std::string(kSliceManagedByLabel));
  const auto service = labels.find(std::string(kServiceNameLabel));
  if (manager == labels.end() || manager->second != kSliceManager || service == labels.end())
    return;
  queue_.Add(api::KeyOf(slice.metadata().namespace_(), service->second));
}

void EndpointsController::AddServicesOf(const Pod& pod) {
  for (const auto& service :
       context_.informers.service_index.Find<Service>(NamespaceTerm(pod.metadata().namespace_()))) {
    if (!Manages(*service)) continue;
    const auto selector = api::LabelSelector::OfLabels(service->spec().selector());
    if (selector.Matches(pod.metadata().labels())) queue_.Add(api::KeyOf(*service));
  }
}

absl::Status EndpointsController::Sync(const std::string& key) {
  const auto service = context_.informers.services.Get(key);
  if (service == nullptr) return Remove(key);
  if (!Manages(*service) || service->metadata().has_deletion_timestamp()) return absl::OkStatus();
  const auto selector = api::LabelSelector::OfLabels(service->spec().selector());
  std::vector<PodPtr> pods;
  for (auto& pod :
       context_.informers.pod_index.Find<Pod>(NamespaceTerm(service->metadata().namespace_()))) {
    if (selector.Matches(pod->metadata().labels())) pods.push_back(std::move(pod));
  }
  RETURN_IF_ERROR(SyncSlices(key, *service, pods), "endpoint slices of ", key);
  return SyncEndpoints(key, *service, pods);
}

absl::Status EndpointsController::SyncSlices(const std::string& key, const Service& service,
                                             const std::vector<PodPtr>& pods) {
  const auto version = [this](const std::string& slice_key) -> std::optional<std::string> {
    const auto slice = context_.informers.slices.Get(slice_key);
    if (slice == nullptr) return std::nullopt;
    return slice->metadata().resource_version();
  };
  if (!writes_.Settled(key, version)) {
    queue_.AddAfter(key, absl::Milliseconds(20));
    return absl::OkStatus();
  }
  const auto slices = context_.informers.slice_index.Find<EndpointSlice>(
      ServiceTerm(service.metadata().namespace_(), service.metadata().name()));
  SlicePlan plan = PlanSlices(service, pods, slices, [this](std::string_view name) {
    return context_.informers.nodes.Get(name);
  });
  for (const EndpointSlice& slice : plan.update) {
    writes_.Note(key, api::KeyOf(slice), slice.metadata().resource_version());
    RETURN_IF_ERROR(context_.api.Update(client::kEndpointSlices, slice, nullptr));
  }
  for (const EndpointSlice& slice : plan.create) {
    EndpointSlice created;
    RETURN_IF_ERROR(context_.api.Create(client::kEndpointSlices, slice, &created));
    writes_.Note(key, api::KeyOf(created), std::nullopt);
  }
  for (const SlicePtr& slice : plan.remove) {
    const auto& meta = slice->metadata();
    writes_.Note(key, api::KeyOf(*slice), meta.resource_version());
    const absl::Status status = context_.api.Delete(client::kEndpointSlices, meta.namespace_(),
                                                    meta.name(), {.uid = meta.uid()});
    if (!status.ok() && !absl::IsNotFound(status)) return status;
  }
  return absl::OkStatus();
}

absl::Status EndpointsController::SyncEndpoints(const std::string& key, const Service& service,
                                                const std::vector<PodPtr>& pods) {
  Endpoints wanted = MakeEndpoints(service, pods);
  const auto there = context_.informers.endpoints.Get(key);
  if (there == nullptr) {
    const absl::Status status = context_.api.Create(client::kEndpoints, wanted, nullptr);
    // The informer's event brings the key again when it was just behind.
    return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
  }
  if (SameEndpoints(wanted, *there)) return absl::OkStatus();
  Endpoints changed = *there;
  *changed.mutable_subsets() = wanted.subsets();
  *changed.mutable_metadata()->mutable_labels() = wanted.metadata().labels();
  *changed.mutable_metadata()->mutable_annotations() = wanted.metadata().annotations();
  return context_.api.Update(client::kEndpoints, changed, nullptr);
}

// The slices go with their Service by owner reference; the Endpoints object has only its name.
absl::Status EndpointsController::Remove(const std::string& key) {
  writes_.Forget(key);
  const auto endpoints = context_.informers.endpoints.Get(key);
  if (endpoints == nullptr) return absl::OkStatus();
  const auto& labels = endpoints->metadata().labels();
  if (!labels.contains("endpoints.kubernetes.io/managed-by")) return absl::OkStatus();
  const auto [namespace_, name] = api::SplitKey(key);
  const absl::Status status = context_.api.Delete(client::kEndpoints, namespace_, name,
                                                  {.uid = endpoints->metadata().uid()});
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace berth::controlplane
