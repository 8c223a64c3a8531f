// SPDX-License-Identifier: Apache-2.0
// For bootstrap_roles*.cc: the YAML of default roles and bindings, put together of lists.
#ifndef BERTH_CONTROLPLANE_APISERVER_ROLE_TEXT_H_
#define BERTH_CONTROLPLANE_APISERVER_ROLE_TEXT_H_

#include <string>
#include <string_view>

namespace berth::controlplane {

// Lists are texts such as "get, list, watch". "" as groups is the core group.
std::string Rule(std::string_view groups, std::string_view resources, std::string_view verbs,
                 std::string_view names = "");
std::string PathRule(std::string_view paths, std::string_view verbs = "get");

// A ClusterRole of these rules. `labels` are those beside the usual one: "a: b, c: d".
std::string Role(std::string_view name, std::string_view rules, std::string_view labels = "");
// A ClusterRole that has the rules of all that carry rbac.authorization.k8s.io/aggregate-to-<what>.
std::string AggregatedRole(std::string_view name, std::string_view labels = "");
// The label with which a role's rules go into that role.
std::string AggregateTo(std::string_view what);

std::string Binding(std::string_view name, std::string_view role, std::string_view subjects);
// Of the role that is called the same.
std::string Binding(std::string_view name, std::string_view subjects);
std::string GroupSubject(std::string_view name);
std::string UserSubject(std::string_view name);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_ROLE_TEXT_H_
