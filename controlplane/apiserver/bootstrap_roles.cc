// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/bootstrap_roles.h"

#include <string_view>

#include "base/strings.h"
#include "controlplane/apiserver/user_info.h"
#include "controlplane/auth/bootstrap_token.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

constexpr std::string_view kMeta =
    "  labels: {kubernetes.io/bootstrapping: rbac-defaults}\n"
    "  annotations: {rbac.authorization.kubernetes.io/autoupdate: \"true\"}\n";

std::string Role(std::string_view name, std::string_view rules) {
  return StrCat(
      "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: \"", name,
      "\"\n", kMeta, "rules:\n", rules);
}

std::string Binding(std::string_view name, std::string_view role, std::string_view subjects) {
  return StrCat(
      "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata:\n  name: \"",
      name, "\"\n", kMeta,
      "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: \"", role,
      "\"}\nsubjects: [", subjects, "]\n");
}
// Of the role that is called the same.
std::string Binding(std::string_view name, std::string_view subjects) {
  return Binding(name, name, subjects);
}

std::string GroupSubject(std::string_view name) {
  return StrCat("{apiGroup: rbac.authorization.k8s.io, kind: Group, name: \"", name, "\"}");
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

constexpr std::string_view kNodeBootstrapper =
    "- {apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests], verbs: [create, "
    "get, list, watch]}\n";
constexpr std::string_view kKubeletApiAdmin =
    "- {apiGroups: [''], resources: [nodes], verbs: [get, list, watch, proxy]}\n"
    "- {apiGroups: [''], resources: [nodes/checkpoint, nodes/configz, nodes/healthz, nodes/log, "
    "nodes/metrics, nodes/pods, nodes/proxy, nodes/stats], verbs: ['*']}\n";

std::string CertificateRole(std::string_view name) {
  return StrCat("system:certificates.k8s.io:", name);
}

// Whose requests for node certificates need nobody's approval.
std::string AutoApprovalRules(std::string_view what) {
  return StrCat("- {apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests/",
                what, "], verbs: [create]}\n");
}

std::string ApproverRules(std::string_view signer) {
  return StrCat(
      "- {apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: "
      "[kubernetes.io/",
      signer, "], verbs: [approve]}\n");
}

// How nodes join: who may ask for a certificate, and who gets it unseen. The bindings are what
// kubeadm makes, for the group of our tokens.
void AddJoining(std::vector<std::string>& out) {
  const std::string tokens = GroupSubject(kNodeBootstrappers);
  const std::string node_client = CertificateRole("certificatesigningrequests:nodeclient");
  const std::string self_node_client = CertificateRole("certificatesigningrequests:selfnodeclient");
  out.push_back(Role("system:node-bootstrapper", kNodeBootstrapper));
  out.push_back(Role(node_client, AutoApprovalRules("nodeclient")));
  out.push_back(Role(self_node_client, AutoApprovalRules("selfnodeclient")));
  for (const char* signer :
       {"kube-apiserver-client", "kube-apiserver-client-kubelet", "kubelet-serving"}) {
    out.push_back(Role(CertificateRole(StrCat(signer, "-approver")), ApproverRules(signer)));
  }
  out.push_back(Binding("berth:kubelet-bootstrap", "system:node-bootstrapper", tokens));
  out.push_back(Binding("berth:node-autoapprove-bootstrap", node_client, tokens));
  out.push_back(Binding("berth:node-autoapprove-certificate-rotation", self_node_client,
                        GroupSubject(kNodes)));
}

}  // namespace

std::vector<std::string> BootstrapRoles() {
  std::vector<std::string> out = {
      Role("cluster-admin", kEverything),
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
      Role("system:auth-delegator", kAuthDelegator),
      Role("system:kubelet-api-admin", kKubeletApiAdmin)};
  AddJoining(out);
  return out;
}

}  // namespace berth::controlplane
