// SPDX-License-Identifier: Apache-2.0
// Rules of roles as sets of permissions. Pure.
#ifndef BERTH_CONTROLPLANE_AUTH_ROLE_RULES_H_
#define BERTH_CONTROLPLANE_AUTH_ROLE_RULES_H_

#include <vector>

namespace berth::api::rbac::v1 {
class ClusterRole;
class ClusterRoleBinding;
class PolicyRule;
}  // namespace berth::api::rbac::v1

namespace berth::controlplane {

// Adds to a stored default role or binding what this version wants it to have and it has not:
// rules, labels, annotations; subjects. What somebody added stays. False when nothing was missing,
// or when the stored one is marked as somebody's own (autoupdate "false").
bool AddMissing(const api::rbac::v1::ClusterRole& wanted, api::rbac::v1::ClusterRole& stored);
bool AddMissing(const api::rbac::v1::ClusterRoleBinding& wanted,
                api::rbac::v1::ClusterRoleBinding& stored);

// Marked so that no start of the server changes it.
bool IsSomebodysOwn(const api::rbac::v1::ClusterRoleBinding& stored);

// The rules of `wanted` of which some permission is in none of `owned`.
std::vector<api::rbac::v1::PolicyRule> Uncovered(
    const std::vector<api::rbac::v1::PolicyRule>& owned,
    const std::vector<api::rbac::v1::PolicyRule>& wanted);

// Gives an aggregated role the rules of those of `all` that its selectors choose, in the order of
// their names, each rule once. False when it has them already, or is no aggregated role.
bool Aggregate(const std::vector<const api::rbac::v1::ClusterRole*>& all,
               api::rbac::v1::ClusterRole& role);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_AUTH_ROLE_RULES_H_
