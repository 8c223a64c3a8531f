// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/bootstrap.h"

#include <google/protobuf/message.h>

#include "api/codec.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "api/proto/rbac/v1/rbac.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/bootstrap_roles.h"
#include "controlplane/auth/role_rules.h"
#include "controlplane/strategies/allocator.h"

namespace berth::controlplane {
namespace {

using api::rbac::v1::ClusterRole;
using api::rbac::v1::ClusterRoleBinding;
using base::StrCat;

enum class Existing { kKeep, kReplace, kReconcile };

const ResourceDescriptor* ResourceOf(const api::GroupVersionKind& kind) {
  for (const ResourceDescriptor& resource : AllResources()) {
    if (resource.Gvk() == kind) return &resource;
  }
  return nullptr;
}

UserInfo Ourselves() { return {.name = "system:apiserver", .groups = {std::string(kMasters)}}; }

// What is stored of a default role or binding gets what it lacks.
absl::Status Reconcile(Registry& registry, const ResourceDescriptor& resource,
                       const std::string& name, const api::Message& wanted) {
  const UserInfo user = Ourselves();
  const WriteContext context{user, registry.clock().Now()};
  return registry
      .Modify(context, resource, "", name, Part::kMain,
              [&](api::Message& stored) {
                if (const auto* role = dynamic_cast<const ClusterRole*>(&wanted)) {
                  AddMissing(*role, static_cast<ClusterRole&>(stored));
                } else {
                  AddMissing(static_cast<const ClusterRoleBinding&>(wanted),
                             static_cast<ClusterRoleBinding&>(stored));
                }
                return absl::OkStatus();
              })
      .status();
}

// A binding keeps its role for life: one to another role is made anew.
absl::Status DropStrayBinding(Registry& registry, const ResourceDescriptor& resource,
                              const std::string& name, const api::Message& wanted) {
  const auto* binding = dynamic_cast<const ClusterRoleBinding*>(&wanted);
  const auto found = registry.cache().Get(resource, "", name);
  if (binding == nullptr || !found.ok()) return absl::OkStatus();
  const auto& stored = static_cast<const ClusterRoleBinding&>(*found->object);
  if (stored.role_ref().name() == binding->role_ref().name() || IsSomebodysOwn(stored)) {
    return absl::OkStatus();
  }
  const UserInfo user = Ourselves();
  return registry.Delete({user, registry.clock().Now()}, resource, "", name, {}).status();
}

absl::Status Ensure(Registry& registry, std::string_view yaml, Existing existing) {
  ASSIGN_OR_RETURN(std::unique_ptr<api::Message> object, api::DecodeYamlObject(yaml));
  const ResourceDescriptor* resource = ResourceOf(api::KindOf(*object));
  if (resource == nullptr) return base::Internal("no resource for a bootstrap object");
  const auto* meta = api::MetaOf(*object);
  const std::string namespace_ = meta->namespace_();
  const std::string name = meta->name();
  const UserInfo user = Ourselves();
  const WriteContext context{user, registry.clock().Now()};
  if (existing == Existing::kReconcile) {
    RETURN_IF_ERROR(DropStrayBinding(registry, *resource, name, *object));
  }
  const bool there = registry.cache().Get(*resource, namespace_, name).ok();
  if (there && existing == Existing::kKeep) return absl::OkStatus();
  if (there && existing == Existing::kReconcile) {
    return base::WithContext(Reconcile(registry, *resource, name, *object),
                             StrCat("reconciling ", resource->plural, " ", name));
  }
  absl::Status status =
      there ? registry.Update(context, *resource, namespace_, name, Part::kMain, std::move(object))
                  .status()
            : registry.Create(context, *resource, namespace_, std::move(object)).status();
  return base::WithContext(status, StrCat("making ", resource->plural, " ", name));
}

std::string NamespaceYaml(std::string_view name) {
  return StrCat("apiVersion: v1\nkind: Namespace\nmetadata: {name: ", name, "}\n");
}

std::string KubernetesService(std::string_view address, int port) {
  return StrCat(
      "apiVersion: v1\nkind: Service\nmetadata:\n  name: kubernetes\n  namespace: default\n"
      "  labels: {component: apiserver, provider: kubernetes}\nspec:\n  clusterIP: ",
      address,
      "\n  type: ClusterIP\n  sessionAffinity: None\n"
      "  ports: [{name: https, port: 443, protocol: TCP, targetPort: ",
      port, "}]\n");
}

std::string KubernetesEndpoints(const BootstrapFacts& facts) {
  return StrCat(
      "apiVersion: v1\nkind: Endpoints\nmetadata:\n  name: kubernetes\n  namespace: default\n"
      "  labels: {endpointslice.kubernetes.io/skip-mirror: \"true\"}\n"
      "subsets:\n- addresses: [{ip: ",
      facts.address, "}]\n  ports: [{name: https, port: ", facts.port, ", protocol: TCP}]\n");
}

std::string KubernetesSlice(const BootstrapFacts& facts) {
  return StrCat(
      "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: kubernetes\n"
      "  namespace: default\n  labels: {kubernetes.io/service-name: kubernetes}\n"
      "addressType: IPv4\nendpoints:\n- addresses: [",
      facts.address, "]\n  conditions: {ready: true}\nports: [{name: https, port: ", facts.port,
      ", protocol: TCP}]\n");
}

}  // namespace

absl::Status BootstrapCluster(Registry& registry, const BootstrapFacts& facts) {
  for (const char* name : {"default", "kube-system", "kube-public", "kube-node-lease"}) {
    RETURN_IF_ERROR(Ensure(registry, NamespaceYaml(name), Existing::kKeep));
  }
  for (const std::string& role : BootstrapRoles()) {
    RETURN_IF_ERROR(Ensure(registry, role, Existing::kReconcile));
  }
  ASSIGN_OR_RETURN(const Ipv4Range range, ParseCidr(facts.service_cidr));
  RETURN_IF_ERROR(Ensure(registry, KubernetesService(FormatIpv4(range.first + 1), facts.port),
                         Existing::kKeep));
  // A loopback address is of no use to pods, and no endpoint may have one.
  if (facts.address.starts_with("127.")) return absl::OkStatus();
  RETURN_IF_ERROR(Ensure(registry, KubernetesEndpoints(facts), Existing::kReplace));
  return Ensure(registry, KubernetesSlice(facts), Existing::kReplace);
}

}  // namespace berth::controlplane
