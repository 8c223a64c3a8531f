// SPDX-License-Identifier: Apache-2.0
// A node reads what it needs to run its pods, and writes about itself and them only.
#include "base/strings.h"
#include "controlplane/auth/authorizer.h"
#include "controlplane/auth/node_graph.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

bool IsRead(std::string_view verb) { return verb == "get" || verb == "list" || verb == "watch"; }
bool IsWrite(std::string_view verb) { return verb == "update" || verb == "patch"; }

Verdict Own(bool own, std::string_view node) {
  return own ? Verdict{true, ""}
             : Verdict{false,
                       StrCat("no relationship found between node '", node, "' and this object")};
}

Verdict Led(const ObjectCache& cache, std::string_view node, const RequestInfo& request) {
  return Own(NodeLeadsTo(cache, node, request.resource, request.namespace_, request.name), node);
}

// All terms hold together, so one that names the node is enough.
bool SelectsNode(std::string_view field_selector, std::string_view node) {
  for (const std::string_view term : base::Split(field_selector, ',')) {
    const auto [key, value] = base::SplitOnce(term, '=');
    if (key != "spec.nodeName" || !value.has_value()) continue;
    if (*value == node || *value == StrCat("=", node)) return true;
  }
  return false;
}

Verdict Pods(const ObjectCache& cache, std::string_view node, const RequestInfo& request,
             std::string_view field_selector) {
  const std::string& verb = request.verb;
  const bool own_pod = IsPodOfNode(cache, node, request.namespace_, request.name);
  if (request.subresource == "status") return Own(own_pod && IsWrite(verb), node);
  if (request.subresource == "eviction") return Own(verb == "create" && own_pod, node);
  if (!request.subresource.empty()) return {};
  if (verb == "create") return {true, ""};  // mirror pods; the pod's strategy checks them
  if (verb == "get" || verb == "delete") return Own(own_pod, node);
  if (verb == "list" || verb == "watch") {
    if (SelectsNode(field_selector, node)) return {true, ""};
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
    if (!request.subresource.empty() || !IsRead(verb)) return {};
    return Led(cache, node, request);
  }
  if (resource == "persistentvolumes") {
    return verb == "get" ? Led(cache, node, request) : Verdict{};
  }
  if (resource == "serviceaccounts") {
    const bool token = verb == "create" && request.subresource == "token";
    const bool read = verb == "get" && request.subresource.empty();
    return token || read ? Led(cache, node, request) : Verdict{};
  }
  if (resource == "events") return {verb == "create" || IsWrite(verb), ""};
  if (resource == "services" || resource == "endpoints" || resource == "namespaces") {
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
  // "create certificatesigningrequests/nodeclient" is to be approved for any node.
  if (!request.subresource.empty()) return {};
  if (request.group == "events.k8s.io") return {verb == "create" || IsWrite(verb), ""};
  if (resource == "leases") {
    const bool there = request.namespace_ == "kube-node-lease";
    if (verb == "create") return {there, ""};
    const bool good = verb == "get" || verb == "delete" || IsWrite(verb);
    return Own(there && good && request.name == node, node);
  }
  if (resource == "endpointslices" || resource == "runtimeclasses" || resource == "csidrivers" ||
      resource == "storageclasses") {
    return {IsRead(verb), ""};
  }
  if (resource == "volumeattachments") {
    return verb == "get" ? Led(cache, node, request) : Verdict{};
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
