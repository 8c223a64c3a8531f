// SPDX-License-Identifier: Apache-2.0
// The API's resources: where they live in URLs.
#ifndef BERTH_CLIENT_RESOURCE_H_
#define BERTH_CLIENT_RESOURCE_H_

#include <string>
#include <string_view>

namespace berth::client {

struct Resource {
  std::string_view group;  // "" is core
  std::string_view version;
  std::string_view plural;
  bool namespaced;

  // "/api/v1/namespaces/ns/pods/name/status". Parts that are "" are left out; a namespaced
  // resource without a namespace is the collection across all of them.
  std::string Path(std::string_view namespace_ = "", std::string_view name = "",
                   std::string_view subresource = "") const;
};

inline constexpr Resource kNodes{"", "v1", "nodes", false};
inline constexpr Resource kPods{"", "v1", "pods", true};
inline constexpr Resource kServices{"", "v1", "services", true};
inline constexpr Resource kEndpoints{"", "v1", "endpoints", true};
inline constexpr Resource kConfigMaps{"", "v1", "configmaps", true};
inline constexpr Resource kSecrets{"", "v1", "secrets", true};
inline constexpr Resource kNamespaces{"", "v1", "namespaces", false};
inline constexpr Resource kServiceAccounts{"", "v1", "serviceaccounts", true};
inline constexpr Resource kEvents{"", "v1", "events", true};
inline constexpr Resource kEndpointSlices{"discovery.k8s.io", "v1", "endpointslices", true};
inline constexpr Resource kLeases{"coordination.k8s.io", "v1", "leases", true};
inline constexpr Resource kDeployments{"apps", "v1", "deployments", true};
inline constexpr Resource kReplicaSets{"apps", "v1", "replicasets", true};
inline constexpr Resource kStatefulSets{"apps", "v1", "statefulsets", true};
inline constexpr Resource kDaemonSets{"apps", "v1", "daemonsets", true};
inline constexpr Resource kControllerRevisions{"apps", "v1", "controllerrevisions", true};
inline constexpr Resource kJobs{"batch", "v1", "jobs", true};
inline constexpr Resource kCronJobs{"batch", "v1", "cronjobs", true};
inline constexpr Resource kPodDisruptionBudgets{"policy", "v1", "poddisruptionbudgets", true};
inline constexpr Resource kTokenReviews{"authentication.k8s.io", "v1", "tokenreviews", false};
inline constexpr Resource kSubjectAccessReviews{"authorization.k8s.io", "v1",
                                                "subjectaccessreviews", false};
inline constexpr Resource kSigningRequests{"certificates.k8s.io", "v1",
                                           "certificatesigningrequests", false};
inline constexpr Resource kRuntimeClasses{"node.k8s.io", "v1", "runtimeclasses", false};

}  // namespace berth::client

#endif  // BERTH_CLIENT_RESOURCE_H_
