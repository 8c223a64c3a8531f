// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/role_text.h"

#include "base/strings.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

// A flow sequence whose members are quoted: "*" and "" mean something in YAML.
std::string List(std::string_view items) {
  std::string out = "[";
  for (const std::string_view item : base::Split(items, ',')) {
    base::StrAppend(out, out.size() == 1 ? "" : ", ", "'", base::Trim(item), "'");
  }
  return out + "]";
}

std::string Meta(std::string_view kind, std::string_view name, std::string_view labels) {
  return StrCat("apiVersion: rbac.authorization.k8s.io/v1\nkind: ", kind, "\nmetadata:\n  name: '",
                name, "'\n  labels: {kubernetes.io/bootstrapping: rbac-defaults",
                labels.empty() ? "" : ", ", labels,
                "}\n  annotations: {rbac.authorization.kubernetes.io/autoupdate: 'true'}\n");
}

std::string Subject(std::string_view kind, std::string_view name) {
  return StrCat("{apiGroup: rbac.authorization.k8s.io, kind: ", kind, ", name: '", name, "'}");
}

}  // namespace

std::string Rule(std::string_view groups, std::string_view resources, std::string_view verbs,
                 std::string_view names) {
  const std::string named = names.empty() ? "" : StrCat(", resourceNames: ", List(names));
  return StrCat("- {apiGroups: ", List(groups), ", resources: ", List(resources), named,
                ", verbs: ", List(verbs), "}\n");
}

std::string PathRule(std::string_view paths, std::string_view verbs) {
  return StrCat("- {nonResourceURLs: ", List(paths), ", verbs: ", List(verbs), "}\n");
}

std::string Role(std::string_view name, std::string_view rules, std::string_view labels) {
  return StrCat(Meta("ClusterRole", name, labels), "rules:\n", rules);
}

std::string AggregateTo(std::string_view what) {
  return StrCat("rbac.authorization.k8s.io/aggregate-to-", what, ": 'true'");
}

std::string AggregatedRole(std::string_view name, std::string_view labels) {
  return StrCat(Meta("ClusterRole", name, labels),
                "aggregationRule:\n  clusterRoleSelectors:\n  - matchLabels: {", AggregateTo(name),
                "}\nrules: []\n");
}

std::string Binding(std::string_view name, std::string_view role, std::string_view subjects) {
  return StrCat(Meta("ClusterRoleBinding", name, ""),
                "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: '", role,
                "'}\nsubjects: [", subjects, "]\n");
}

std::string Binding(std::string_view name, std::string_view subjects) {
  return Binding(name, name, subjects);
}

std::string GroupSubject(std::string_view name) { return Subject("Group", name); }
std::string UserSubject(std::string_view name) { return Subject("User", name); }

}  // namespace berth::controlplane
