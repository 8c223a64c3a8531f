// SPDX-License-Identifier: Apache-2.0
// What bindings give a user, rule by rule. Thread-safe: no state.
#ifndef BERTH_CONTROLPLANE_AUTH_USER_RULES_H_
#define BERTH_CONTROLPLANE_AUTH_USER_RULES_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/apiserver/object_cache.h"
#include "controlplane/apiserver/user_info.h"

namespace berth::api::rbac::v1 {
class PolicyRule;
class RoleRef;
class Subject;
}  // namespace berth::api::rbac::v1

namespace berth::controlplane {

using PolicyRules = std::vector<api::rbac::v1::PolicyRule>;

// A binding of `binding_namespace` ("": of the cluster) names the user by this.
bool IsSubject(const api::rbac::v1::Subject& subject, const UserInfo& user,
               std::string_view binding_namespace);

// The rules of all roles that are bound to the user: for the cluster and, unless it is "", in the
// namespace. Whether a rule names paths or resources, it stands as it is written.
PolicyRules RulesOf(const ObjectCache& cache, const UserInfo& user, std::string_view namespace_);

// The rules of the role that a binding of the namespace refers to. NotFound.
absl::StatusOr<PolicyRules> RulesOfRole(const ObjectCache& cache,
                                        const api::rbac::v1::RoleRef& reference,
                                        std::string_view namespace_);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_AUTH_USER_RULES_H_
