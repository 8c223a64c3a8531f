// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/bootstrap_roles.h"

#include <utility>

#include "base/strings.h"
#include "controlplane/apiserver/role_text.h"
#include "controlplane/apiserver/user_info.h"
#include "controlplane/auth/bootstrap_token.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

constexpr std::string_view kRead = "get, list, watch";
constexpr std::string_view kWrite = "create, delete, deletecollection, patch, update";
constexpr std::string_view kAll =
    "create, delete, deletecollection, get, list, patch, update, watch";
constexpr std::string_view kEventVerbs = "create, patch, update";
constexpr std::string_view kRbac = "rbac.authorization.k8s.io";

using Texts = std::vector<std::string>;

void AddEverybody(Texts& out) {
  const std::string known = GroupSubject("system:authenticated");
  out.push_back(Role("cluster-admin", Rule("*", "*", "*") + PathRule("*", "*")));
  out.push_back(Binding("cluster-admin", GroupSubject(kMasters)));
  out.push_back(
      Role("system:discovery", PathRule("/api, /api/*, /apis, /apis/*, /healthz, /livez, /openapi, "
                                        "/openapi/*, /readyz, /version, /version/")));
  out.push_back(Binding("system:discovery", known));
  out.push_back(Role(
      "system:basic-user",
      Rule("authorization.k8s.io", "selfsubjectaccessreviews, selfsubjectrulesreviews", "create") +
          Rule("authentication.k8s.io", "selfsubjectreviews", "create")));
  out.push_back(Binding("system:basic-user", known));
  out.push_back(Role("system:public-info-viewer",
                     PathRule("/healthz, /livez, /readyz, /version, /version/")));
  out.push_back(Binding("system:public-info-viewer",
                        StrCat(known, ", ", GroupSubject("system:unauthenticated"))));
  out.push_back(Role("system:monitoring",
                     PathRule("/healthz, /healthz/*, /livez, /livez/*, /metrics, /metrics/slis, "
                              "/readyz, /readyz/*")));
  out.push_back(Binding("system:monitoring", GroupSubject("system:monitoring")));
}

std::string ViewRules() {
  return StrCat(
      Rule("",
           "configmaps, endpoints, persistentvolumeclaims, persistentvolumeclaims/status, pods, "
           "replicationcontrollers, replicationcontrollers/scale, serviceaccounts, services, "
           "services/status",
           kRead),
      Rule("",
           "bindings, events, limitranges, namespaces/status, pods/log, pods/status, "
           "replicationcontrollers/status, resourcequotas, resourcequotas/status",
           kRead),
      Rule("", "namespaces", kRead), Rule("discovery.k8s.io", "endpointslices", kRead),
      Rule("apps",
           "controllerrevisions, daemonsets, daemonsets/status, deployments, deployments/scale, "
           "deployments/status, replicasets, replicasets/scale, replicasets/status, statefulsets, "
           "statefulsets/scale, statefulsets/status",
           kRead),
      Rule("autoscaling", "horizontalpodautoscalers, horizontalpodautoscalers/status", kRead),
      Rule("batch", "cronjobs, cronjobs/status, jobs, jobs/status", kRead),
      Rule("policy", "poddisruptionbudgets, poddisruptionbudgets/status", kRead),
      Rule("networking.k8s.io", "ingresses, ingresses/status, networkpolicies", kRead));
}

std::string EditRules() {
  return StrCat(
      Rule("", "pods/attach, pods/exec, pods/portforward, pods/proxy, secrets, services/proxy",
           kRead),
      Rule("", "serviceaccounts", "impersonate"),
      Rule("", "pods, pods/attach, pods/exec, pods/portforward, pods/proxy", kWrite),
      Rule("", "pods/eviction", "create"),
      Rule("",
           "configmaps, events, persistentvolumeclaims, replicationcontrollers, "
           "replicationcontrollers/scale, secrets, serviceaccounts, services, services/proxy",
           kWrite),
      Rule("", "serviceaccounts/token", "create"),
      Rule("apps",
           "daemonsets, deployments, deployments/rollback, deployments/scale, replicasets, "
           "replicasets/scale, statefulsets, statefulsets/scale",
           kWrite),
      Rule("autoscaling", "horizontalpodautoscalers", kWrite),
      Rule("batch", "cronjobs, jobs", kWrite), Rule("policy", "poddisruptionbudgets", kWrite),
      Rule("networking.k8s.io", "ingresses, networkpolicies", kWrite),
      Rule("coordination.k8s.io", "leases", kAll));
}

// What people are bound to. The three get their rules from others, also from an administrator's.
void AddUsers(Texts& out) {
  out.push_back(AggregatedRole("admin"));
  out.push_back(AggregatedRole("edit", AggregateTo("admin")));
  out.push_back(AggregatedRole("view", AggregateTo("edit")));
  out.push_back(Role("system:aggregate-to-admin",
                     Rule("authorization.k8s.io", "localsubjectaccessreviews", "create") +
                         Rule(kRbac, "rolebindings, roles", kAll),
                     AggregateTo("admin")));
  out.push_back(Role("system:aggregate-to-edit", EditRules(), AggregateTo("edit")));
  out.push_back(Role("system:aggregate-to-view", ViewRules(), AggregateTo("view")));
}

std::string Reviews() {
  return Rule("authentication.k8s.io", "tokenreviews", "create") +
         Rule("authorization.k8s.io", "subjectaccessreviews", "create");
}

std::string NodeRules() {
  return StrCat(
      Rule("authentication.k8s.io", "tokenreviews", "create"),
      Rule("authorization.k8s.io", "localsubjectaccessreviews, subjectaccessreviews", "create"),
      Rule("", "services", kRead), Rule("", "nodes", "create, get, list, watch"),
      Rule("", "nodes/status", "patch, update"), Rule("", "nodes", "patch, update"),
      Rule("", "events", kEventVerbs), Rule("", "pods", kRead), Rule("", "pods", "create, delete"),
      Rule("", "pods/status", "patch, update"), Rule("", "pods/eviction", "create"),
      Rule("", "configmaps, secrets", kRead),
      Rule("", "persistentvolumeclaims, persistentvolumes", "get"), Rule("", "endpoints", "get"),
      Rule("certificates.k8s.io", "certificatesigningrequests", "create, get, list, watch"),
      Rule("coordination.k8s.io", "leases", "create, delete, get, patch, update"),
      Rule("storage.k8s.io", "volumeattachments", "get"),
      Rule("", "serviceaccounts/token", "create"),
      Rule("", "persistentvolumeclaims/status", "get, patch, update"),
      Rule("storage.k8s.io", "csidrivers", kRead),
      Rule("storage.k8s.io", "csinodes", "create, delete, get, patch, update"),
      Rule("node.k8s.io", "runtimeclasses", kRead));
}

// What runs on nodes and beside them. system:node is bound to nobody: nodes are judged one by one.
void AddNodes(Texts& out) {
  out.push_back(Role("system:node", NodeRules()));
  out.push_back(
      Role("system:node-proxier",
           StrCat(Rule("", "endpoints, services", "list, watch"), Rule("", "nodes", kRead),
                  Rule(", events.k8s.io", "events", kEventVerbs),
                  Rule("discovery.k8s.io", "endpointslices", "list, watch"))));
  out.push_back(Binding("system:node-proxier", UserSubject("system:kube-proxy")));
  out.push_back(Role("system:node-problem-detector",
                     StrCat(Rule("", "nodes", "get"), Rule("", "nodes/status", "patch"),
                            Rule(", events.k8s.io", "events", kEventVerbs))));
  out.push_back(Role("system:auth-delegator", Reviews()));
  out.push_back(Role("system:kubelet-api-admin",
                     StrCat(Rule("", "nodes", "get, list, watch, proxy"),
                            Rule("",
                                 "nodes/checkpoint, nodes/configz, nodes/healthz, nodes/log, "
                                 "nodes/metrics, nodes/pods, nodes/proxy, nodes/stats",
                                 "*"))));
  out.push_back(Role("system:kube-dns", Rule("", "endpoints, services", "list, watch")));
}

// How nodes join: who may ask for a certificate, and who gets it unseen. The bindings are what
// kubeadm makes, for the group of our tokens.
void AddJoining(Texts& out) {
  const auto named = [](std::string_view name) {
    return StrCat("system:certificates.k8s.io:", name);
  };
  const auto unseen = [](std::string_view what) {
    return Rule("certificates.k8s.io", StrCat("certificatesigningrequests/", what), "create");
  };
  const std::string tokens = GroupSubject(kNodeBootstrappers);
  const std::string node_client = named("certificatesigningrequests:nodeclient");
  const std::string self_node_client = named("certificatesigningrequests:selfnodeclient");
  out.push_back(
      Role("system:node-bootstrapper",
           Rule("certificates.k8s.io", "certificatesigningrequests", "create, get, list, watch")));
  out.push_back(Role(node_client, unseen("nodeclient")));
  out.push_back(Role(self_node_client, unseen("selfnodeclient")));
  for (const char* signer : {"kube-apiserver-client", "kube-apiserver-client-kubelet",
                             "kubelet-serving", "legacy-unknown"}) {
    out.push_back(
        Role(named(StrCat(signer, "-approver")),
             Rule("certificates.k8s.io", "signers", "approve", StrCat("kubernetes.io/", signer))));
  }
  out.push_back(Binding("berth:kubelet-bootstrap", "system:node-bootstrapper", tokens));
  out.push_back(Binding("berth:node-autoapprove-bootstrap", node_client, tokens));
  out.push_back(Binding("berth:node-autoapprove-certificate-rotation", self_node_client,
                        GroupSubject(kNodes)));
}

}  // namespace

std::vector<std::string> BootstrapRoles() {
  Texts out;
  AddEverybody(out);
  AddUsers(out);
  AddNodes(out);
  AddJoining(out);
  return out;
}

}  // namespace berth::controlplane
