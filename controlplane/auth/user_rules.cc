// SPDX-License-Identifier: Apache-2.0
#include "controlplane/auth/user_rules.h"

#include <algorithm>

#include "api/proto/rbac/v1/rbac.pb.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::controlplane {
namespace {

using api::rbac::v1::ClusterRole;
using api::rbac::v1::ClusterRoleBinding;
using api::rbac::v1::PolicyRule;
using api::rbac::v1::Role;
using api::rbac::v1::RoleBinding;
using api::rbac::v1::RoleRef;
using api::rbac::v1::Subject;

constexpr std::string_view kGroup = "rbac.authorization.k8s.io";

template <class Binding>
void AddRules(const ObjectCache& cache, const UserInfo& user, const Binding& binding,
              std::string_view namespace_, PolicyRules& out) {
  const auto& subjects = binding.subjects();
  const bool bound = std::any_of(subjects.begin(), subjects.end(), [&](const Subject& subject) {
    return IsSubject(subject, user, namespace_);
  });
  if (!bound) return;
  const auto rules = RulesOfRole(cache, binding.role_ref(), namespace_);
  if (rules.ok()) out.insert(out.end(), rules->begin(), rules->end());
}

}  // namespace

bool IsSubject(const Subject& subject, const UserInfo& user, std::string_view binding_namespace) {
  if (subject.kind() == "User") return subject.name() == user.name;
  if (subject.kind() == "Group") return user.In(subject.name());
  if (subject.kind() != "ServiceAccount") return false;
  const std::string_view namespace_ =
      subject.namespace_().empty() ? binding_namespace : std::string_view(subject.namespace_());
  return user.name == base::StrCat("system:serviceaccount:", namespace_, ":", subject.name());
}

absl::StatusOr<PolicyRules> RulesOfRole(const ObjectCache& cache, const RoleRef& reference,
                                        std::string_view namespace_) {
  const bool cluster = reference.kind() == "ClusterRole";
  ASSIGN_OR_RETURN(const CachedObject role,
                   cache.Get(*FindResource(kGroup, "v1", cluster ? "clusterroles" : "roles"),
                             cluster ? "" : namespace_, reference.name()));
  const auto& rules = cluster ? static_cast<const ClusterRole&>(*role.object).rules()
                              : static_cast<const Role&>(*role.object).rules();
  return PolicyRules(rules.begin(), rules.end());
}

PolicyRules RulesOf(const ObjectCache& cache, const UserInfo& user, std::string_view namespace_) {
  PolicyRules out;
  for (const CachedObject& object :
       cache.List(*FindResource(kGroup, "v1", "clusterrolebindings"), "").objects) {
    AddRules(cache, user, static_cast<const ClusterRoleBinding&>(*object.object), "", out);
  }
  if (namespace_.empty()) return out;
  for (const CachedObject& object :
       cache.List(*FindResource(kGroup, "v1", "rolebindings"), namespace_).objects) {
    AddRules(cache, user, static_cast<const RoleBinding&>(*object.object), namespace_, out);
  }
  return out;
}

}  // namespace berth::controlplane
