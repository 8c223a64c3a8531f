// SPDX-License-Identifier: Apache-2.0
// A node reads what it needs to run its pods, and writes about itself and them only.
#include <algorithm>

#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/volumes.pb.h"
#include "base/strings.h"
#include "controlplane/auth/authorizer.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Pod;
using base::StrCat;

bool IsRead(std::string_view verb) { return verb == "get" || verb == "list" || verb == "watch"; }
bool IsWrite(std::string_view verb) { return verb == "update" || verb == "patch"; }

template <class Containers>
bool ContainersName(const Containers& containers, std::string_view resource,
                    std::string_view name) {
  for (const auto& container : containers) {
    for (const auto& source : container.env_from()) {
      const auto& found = resource == "secrets"
                              ? source.secret_ref().local_object_reference().name()
                              : source.config_map_ref().local_object_reference().name();
      if (found == name) return true;
    }
    for (const auto& variable : container.env()) {
      const auto& from = variable.value_from();
      const auto& found = resource == "secrets"
                              ? from.secret_key_ref().local_object_reference().name()
                              : from.config_map_key_ref().local_object_reference().name();
      if (found == name) return true;
    }
  }
  return false;
}

bool VolumesName(const Pod& pod, std::string_view resource, std::string_view name) {
  for (const auto& volume : pod.spec().volumes()) {
    const auto& source = volume.volume_source();
    if (resource == "secrets" && source.secret().secret_name() == name) return true;
    if (resource == "configmaps" && source.config_map().local_object_reference().name() == name) {
      return true;
    }
    if (resource == "persistentvolumeclaims" &&
        source.persistent_volume_claim().claim_name() == name) {
      return true;
    }
    for (const auto& projection : source.projected().sources()) {
      if (resource == "secrets" && projection.secret().local_object_reference().name() == name) {
        return true;
      }
      if (resource == "configmaps" &&
          projection.config_map().local_object_reference().name() == name) {
        return true;
      }
    }
  }
  return false;
}

bool PodNames(const Pod& pod, std::string_view resource, std::string_view name) {
  const auto& spec = pod.spec();
  if (resource == "secrets") {
    for (const auto& secret : spec.image_pull_secrets()) {
      if (secret.name() == name) return true;
    }
  }
  if (resource == "serviceaccounts") return spec.service_account_name() == name;
  return VolumesName(pod, resource, name) || ContainersName(spec.containers(), resource, name) ||
         ContainersName(spec.init_containers(), resource, name);
}

bool SomePodOfNodeNames(const ObjectCache& cache, std::string_view node,
                        const RequestInfo& request) {
  if (request.name.empty() || request.namespace_.empty()) return false;
  const auto pods = cache.List(*FindResource("", "v1", "pods"), request.namespace_);
  return std::any_of(pods.objects.begin(), pods.objects.end(), [&](const CachedObject& object) {
    const auto& pod = static_cast<const Pod&>(*object.object);
    return pod.spec().node_name() == node && PodNames(pod, request.resource, request.name);
  });
}

bool IsOwnPod(const ObjectCache& cache, std::string_view node, const RequestInfo& request) {
  const auto pod = cache.Get(*FindResource("", "v1", "pods"), request.namespace_, request.name);
  return pod.ok() && static_cast<const Pod&>(*pod->object).spec().node_name() == node;
}

Verdict Own(bool own, std::string_view node) {
  return own ? Verdict{true, ""}
             : Verdict{false,
                       StrCat("no relationship found between node '", node, "' and this object")};
}

Verdict Pods(const ObjectCache& cache, std::string_view node, const RequestInfo& request,
             std::string_view field_selector) {
  const std::string& verb = request.verb;
  if (request.subresource == "status") return Own(IsOwnPod(cache, node, request), node);
  if (request.subresource == "eviction") {
    return Own(verb == "create" && IsOwnPod(cache, node, request), node);
  }
  if (!request.subresource.empty()) return {};
  if (verb == "create") return {true, ""};  // mirror pods; the pod's strategy checks them
  if (verb == "get" || verb == "delete") return Own(IsOwnPod(cache, node, request), node);
  if (verb == "list" || verb == "watch") {
    const bool own = field_selector.find(StrCat("spec.nodeName=", node)) != std::string_view::npos;
    if (own) return {true, ""};
    return {false, "can only list/watch pods with spec.nodeName field selector"};
  }
  return {};
}

Verdict Core(const ObjectCache& cache, std::string_view node, const RequestInfo& request,
             std::string_view field_selector) {
  const std::string& verb = request.verb;
  const std::string& resource = request.resource;
  if (resource == "pods") return Pods(cache, node, request, field_selector);
  if (resource == "nodes") {
    if (IsRead(verb) || (verb == "create" && request.subresource.empty())) return {true, ""};
    const bool writes =
        IsWrite(verb) && (request.subresource.empty() || request.subresource == "status");
    return Own(writes && request.name == node, node);
  }
  if (resource == "secrets" || resource == "configmaps" || resource == "persistentvolumeclaims") {
    return Own(IsRead(verb) && SomePodOfNodeNames(cache, node, request), node);
  }
  if (resource == "serviceaccounts") {
    const bool token = verb == "create" && request.subresource == "token";
    const bool read = verb == "get" && request.subresource.empty();
    return Own((token || read) && SomePodOfNodeNames(cache, node, request), node);
  }
  if (resource == "events") return {verb == "create" || IsWrite(verb), ""};
  if (resource == "services" || resource == "persistentvolumes" || resource == "endpoints" ||
      resource == "namespaces") {
    return {IsRead(verb), ""};
  }
  return {};
}

}  // namespace

Verdict AuthorizeNode(const ObjectCache& cache, std::string_view node, const RequestInfo& request,
                      std::string_view field_selector) {
  if (!request.is_resource) return {};
  const std::string& verb = request.verb;
  const std::string& resource = request.resource;
  if (request.group.empty()) return Core(cache, node, request, field_selector);
  if (request.group == "events.k8s.io") return {verb == "create" || IsWrite(verb), ""};
  if (resource == "leases") {
    const bool there = request.namespace_ == "kube-node-lease";
    if (verb == "create") return {there, ""};
    const bool good = verb == "get" || verb == "delete" || IsWrite(verb);
    return Own(there && good && request.name == node, node);
  }
  if (resource == "endpointslices" || resource == "runtimeclasses" || resource == "csidrivers" ||
      resource == "storageclasses" || resource == "volumeattachments") {
    return {IsRead(verb), ""};
  }
  if (resource == "csinodes") {
    return Own(verb == "create" || request.name == node, node);
  }
  if (resource == "certificatesigningrequests") return {verb == "create" || IsRead(verb), ""};
  if (resource == "tokenreviews" || resource == "subjectaccessreviews" ||
      resource == "localsubjectaccessreviews") {
    return {verb == "create", ""};
  }
  return {};
}

}  // namespace berth::controlplane
