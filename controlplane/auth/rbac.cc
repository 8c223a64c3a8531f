// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "api/proto/rbac/v1/rbac.pb.h"
#include "base/strings.h"
#include "controlplane/auth/authorizer.h"
#include "controlplane/auth/user_rules.h"

namespace berth::controlplane {
namespace {

using api::rbac::v1::ClusterRole;
using api::rbac::v1::ClusterRoleBinding;
using api::rbac::v1::PolicyRule;
using api::rbac::v1::Role;
using api::rbac::v1::RoleBinding;
using api::rbac::v1::Subject;
using base::StrCat;

constexpr std::string_view kGroup = "rbac.authorization.k8s.io";

template <class Range>
bool Has(const Range& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

bool ResourceFits(const PolicyRule& rule, const RequestInfo& request) {
  if (!Has(rule.api_groups(), "*") && !Has(rule.api_groups(), request.group)) return false;
  const std::string full = request.subresource.empty()
                               ? request.resource
                               : StrCat(request.resource, "/", request.subresource);
  const bool named =
      Has(rule.resources(), "*") || Has(rule.resources(), full) ||
      (!request.subresource.empty() && Has(rule.resources(), StrCat("*/", request.subresource)));
  if (!named) return false;
  return rule.resource_names().empty() || Has(rule.resource_names(), request.name);
}

bool PathFits(const PolicyRule& rule, const RequestInfo& request) {
  return std::any_of(rule.non_resource_urls().begin(), rule.non_resource_urls().end(),
                     [&request](std::string_view url) {
                       if (url == request.path) return true;
                       return url.ends_with('*') &&
                              request.path.starts_with(url.substr(0, url.size() - 1));
                     });
}

template <class Rules>
bool AnyRuleFits(const Rules& rules, const RequestInfo& request) {
  return std::any_of(rules.begin(), rules.end(), [&request](const PolicyRule& rule) {
    if (!Has(rule.verbs(), "*") && !Has(rule.verbs(), request.verb)) return false;
    return request.is_resource ? ResourceFits(rule, request) : PathFits(rule, request);
  });
}

template <class Subjects>
bool Binds(const Subjects& subjects, const UserInfo& user, std::string_view namespace_) {
  return std::any_of(subjects.begin(), subjects.end(),
                     [&](const Subject& subject) { return IsSubject(subject, user, namespace_); });
}

// `missing` gets the name of a role that a binding names and nobody made.
template <class T>
bool RoleAllows(const ObjectCache& cache, const char* plural, std::string_view namespace_,
                const std::string& name, const RequestInfo& request, std::string& missing) {
  const auto role = cache.Get(*FindResource(kGroup, "v1", plural), namespace_, name);
  if (!role.ok()) {
    missing = StrCat("RBAC: ", plural, " \"", name, "\" not found");
    return false;
  }
  return AnyRuleFits(static_cast<const T&>(*role->object).rules(), request);
}

}  // namespace

Verdict AuthorizeByRoles(const ObjectCache& cache, const UserInfo& user,
                         const RequestInfo& request) {
  std::string missing;
  for (const CachedObject& object :
       cache.List(*FindResource(kGroup, "v1", "clusterrolebindings"), "").objects) {
    const auto& binding = static_cast<const ClusterRoleBinding&>(*object.object);
    if (Binds(binding.subjects(), user, "") &&
        RoleAllows<ClusterRole>(cache, "clusterroles", "", binding.role_ref().name(), request,
                                missing)) {
      return {true, StrCat("RBAC: allowed by ClusterRoleBinding \"", binding.metadata().name(),
                           "\" of ClusterRole \"", binding.role_ref().name(), "\"")};
    }
  }
  if (!request.is_resource || request.namespace_.empty()) return {false, missing};
  for (const CachedObject& object :
       cache.List(*FindResource(kGroup, "v1", "rolebindings"), request.namespace_).objects) {
    const auto& binding = static_cast<const RoleBinding&>(*object.object);
    if (!Binds(binding.subjects(), user, request.namespace_)) continue;
    const std::string& role = binding.role_ref().name();
    const bool allowed =
        binding.role_ref().kind() == "ClusterRole"
            ? RoleAllows<ClusterRole>(cache, "clusterroles", "", role, request, missing)
            : RoleAllows<Role>(cache, "roles", request.namespace_, role, request, missing);
    if (allowed) {
      return {true,
              StrCat("RBAC: allowed by RoleBinding \"", binding.metadata().name(), "/",
                     request.namespace_, "\" of ", binding.role_ref().kind(), " \"", role, "\"")};
    }
  }
  return {false, missing};
}

}  // namespace berth::controlplane
