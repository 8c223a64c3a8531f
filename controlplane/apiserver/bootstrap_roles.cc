// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/bootstrap_roles.h"

#include <string_view>

#include "base/strings.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

constexpr std::string_view kMeta =
    "  labels: {kubernetes.io/bootstrapping: rbac-defaults}\n"
    "  annotations: {rbac.authorization.kubernetes.io/autoupdate: \"true\"}\n";

std::string Role(std::string_view name, std::string_view rules) {
  return StrCat("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: ",
                name, "\n", kMeta, "rules:\n", rules);
}

std::string Binding(std::string_view name, std::string_view subjects) {
  return StrCat(
      "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata:\n  name: ",
      name, "\n", kMeta,
      "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ", name,
      "}\nsubjects: [", subjects, "]\n");
}

std::string GroupSubject(std::string_view name) {
  return StrCat("{apiGroup: rbac.authorization.k8s.io, kind: Group, name: ", name, "}");
}
std::string UserSubject(std::string_view name) {
  return StrCat("{apiGroup: rbac.authorization.k8s.io, kind: User, name: ", name, "}");
}

constexpr std::string_view kEverything =
    "- {apiGroups: ['*'], resources: ['*'], verbs: ['*']}\n"
    "- {nonResourceURLs: ['*'], verbs: ['*']}\n";
constexpr std::string_view kDiscovery =
    "- {nonResourceURLs: [/api, /api/*, /apis, /apis/*, /healthz, /livez, /openapi, /openapi/*, "
    "/readyz, /version, /version/], verbs: [get]}\n";
constexpr std::string_view kBasicUser =
    "- {apiGroups: [authorization.k8s.io], resources: [selfsubjectaccessreviews, "
    "selfsubjectrulesreviews], verbs: [create]}\n"
    "- {apiGroups: [authentication.k8s.io], resources: [selfsubjectreviews], verbs: [create]}\n";
constexpr std::string_view kPublicInfo =
    "- {nonResourceURLs: [/healthz, /livez, /readyz, /version, /version/], verbs: [get]}\n";
constexpr std::string_view kViewRules =
    "- {apiGroups: [''], resources: [configmaps, endpoints, events, limitranges, namespaces, "
    "persistentvolumeclaims, pods, pods/log, pods/status, replicationcontrollers, resourcequotas, "
    "serviceaccounts, services], verbs: [get, list, watch]}\n"
    "- {apiGroups: [apps, autoscaling, batch, discovery.k8s.io, networking.k8s.io, policy], "
    "resources: ['*'], verbs: [get, list, watch]}\n";
constexpr std::string_view kEditRules =
    "- {apiGroups: [''], resources: [configmaps, endpoints, events, persistentvolumeclaims, pods, "
    "pods/attach, pods/eviction, pods/exec, pods/portforward, replicationcontrollers, secrets, "
    "serviceaccounts, serviceaccounts/token, services], verbs: [create, delete, deletecollection, "
    "get, list, patch, update, watch]}\n"
    "- {apiGroups: [apps, autoscaling, batch, discovery.k8s.io, networking.k8s.io, policy], "
    "resources: ['*'], verbs: [create, delete, deletecollection, get, list, patch, update, "
    "watch]}\n";
constexpr std::string_view kAdminRules =
    "- {apiGroups: [rbac.authorization.k8s.io], resources: [roles, rolebindings], verbs: [create, "
    "delete, deletecollection, get, list, patch, update, watch]}\n"
    "- {apiGroups: [authorization.k8s.io], resources: [localsubjectaccessreviews], verbs: "
    "[create]}\n";
constexpr std::string_view kProxier =
    "- {apiGroups: [''], resources: [endpoints, services], verbs: [list, watch]}\n"
    "- {apiGroups: [''], resources: [nodes], verbs: [get, list, watch]}\n"
    "- {apiGroups: ['', events.k8s.io], resources: [events], verbs: [create, patch, update]}\n"
    "- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}\n";
constexpr std::string_view kAuthDelegator =
    "- {apiGroups: [authentication.k8s.io], resources: [tokenreviews], verbs: [create]}\n"
    "- {apiGroups: [authorization.k8s.io], resources: [subjectaccessreviews], verbs: [create]}\n";

}  // namespace

std::vector<std::string> BootstrapRoles() {
  return {Role("cluster-admin", kEverything),
          Binding("cluster-admin", GroupSubject("system:masters")),
          Role("system:discovery", kDiscovery),
          Binding("system:discovery", GroupSubject("system:authenticated")),
          Role("system:basic-user", kBasicUser),
          Binding("system:basic-user", GroupSubject("system:authenticated")),
          Role("system:public-info-viewer", kPublicInfo),
          Binding("system:public-info-viewer", StrCat(GroupSubject("system:authenticated"), ", ",
                                                      GroupSubject("system:unauthenticated"))),
          Role("view", kViewRules),
          Role("edit", StrCat(kViewRules, kEditRules)),
          Role("admin", StrCat(kViewRules, kEditRules, kAdminRules)),
          Role("system:node-proxier", kProxier),
          Binding("system:node-proxier", UserSubject("system:kube-proxy")),
          Role("system:auth-delegator", kAuthDelegator)};
}

}  // namespace berth::controlplane
