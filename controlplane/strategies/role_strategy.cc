// SPDX-License-Identifier: Apache-2.0
// Roles and their bindings. Nobody gives away what he does not have himself, unless he may
// "escalate" roles or "bind" this one; and a binding keeps its role.
#include "controlplane/strategies/role_strategy.h"

#include <type_traits>

#include "api/proto/rbac/v1/rbac.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/auth/authorizer.h"
#include "controlplane/auth/role_rules.h"
#include "controlplane/auth/user_rules.h"

namespace berth::controlplane {
namespace {

using api::rbac::v1::ClusterRole;
using api::rbac::v1::ClusterRoleBinding;
using api::rbac::v1::PolicyRule;
using api::rbac::v1::Role;
using api::rbac::v1::RoleBinding;
using api::rbac::v1::RoleRef;
using base::StrCat;

constexpr std::string_view kGroup = "rbac.authorization.k8s.io";

bool May(const ObjectCache& cache, const UserInfo& user, std::string_view verb,
         std::string_view resource, std::string_view namespace_, std::string_view name) {
  RequestInfo asked;
  asked.is_resource = true;
  asked.verb = verb;
  asked.group = kGroup;
  asked.version = "v1";
  asked.resource = resource;
  asked.namespace_ = namespace_;
  asked.name = name;
  return AuthorizeByRoles(cache, user, asked).allowed;
}

// As upstream's message shows a rule.
std::string Text(const PolicyRule& rule) {
  std::vector<std::string> parts;
  const auto add = [&parts](const char* name, const auto& values) {
    if (values.empty()) return;
    std::vector<std::string> quoted;
    for (const std::string& value : values) quoted.push_back(StrCat("\"", value, "\""));
    parts.push_back(StrCat(name, ":[", base::Join(quoted, " "), "]"));
  };
  add("APIGroups", rule.api_groups());
  add("Resources", rule.resources());
  add("ResourceNames", rule.resource_names());
  add("NonResourceURLs", rule.non_resource_urls());
  add("Verbs", rule.verbs());
  return StrCat("{", base::Join(parts, ", "), "}");
}

absl::Status CheckGrant(const ObjectCache& cache, const UserInfo& user, std::string_view namespace_,
                        const PolicyRules& granted, const ErrorSubject& subject) {
  const PolicyRules missing = Uncovered(RulesOf(cache, user, namespace_), granted);
  if (missing.empty()) return absl::OkStatus();
  std::vector<std::string> texts;
  for (const PolicyRule& rule : missing) texts.push_back(Text(rule));
  std::vector<std::string> groups;
  for (const std::string& group : user.groups) groups.push_back(StrCat("\"", group, "\""));
  return ForbiddenError(subject,
                        StrCat("user \"", user.name, "\" (groups=[", base::Join(groups, " "),
                               "]) is attempting to grant RBAC permissions not currently "
                               "held:\n",
                               base::Join(texts, "\n")));
}

PolicyRules Everything() {
  PolicyRules rules(2);
  rules[0].add_verbs("*");
  rules[0].add_api_groups("*");
  rules[0].add_resources("*");
  rules[1].add_verbs("*");
  rules[1].add_non_resource_urls("*");
  return rules;
}

template <class T>
class RoleStrategy : public Strategy {
 public:
  explicit RoleStrategy(const ObjectCache& cache) : cache_(cache) {}
  absl::Status PrepareForCreate(const WriteContext& context, api::Message& object) override {
    return Check(context, static_cast<const T&>(object));
  }
  absl::Status PrepareForUpdate(const WriteContext& context, const api::Message&,
                                api::Message& object) override {
    return Check(context, static_cast<const T&>(object));
  }

 private:
  static constexpr bool kCluster = std::is_same_v<T, ClusterRole>;

  absl::Status Check(const WriteContext& context, const T& role) const {
    const char* resource = kCluster ? "clusterroles" : "roles";
    const auto& meta = role.metadata();
    if (context.user.In(kMasters) ||
        May(cache_, context.user, "escalate", resource, meta.namespace_(), meta.name())) {
      return absl::OkStatus();
    }
    const ErrorSubject subject{kGroup, resource, kCluster ? "ClusterRole" : "Role", meta.name()};
    if constexpr (kCluster) {
      // Nobody knows what it will gather.
      if (role.has_aggregation_rule()) {
        RETURN_IF_ERROR(CheckGrant(cache_, context.user, "", Everything(), subject),
                        "must have cluster-admin privileges to use an aggregationRule");
      }
    }
    return CheckGrant(cache_, context.user, meta.namespace_(),
                      {role.rules().begin(), role.rules().end()}, subject);
  }

  const ObjectCache& cache_;
};

template <class T>
class BindingStrategy : public Strategy {
 public:
  explicit BindingStrategy(const ObjectCache& cache) : cache_(cache) {}
  absl::Status PrepareForCreate(const WriteContext& context, api::Message& object) override {
    return Check(context, static_cast<const T&>(object));
  }
  absl::Status PrepareForUpdate(const WriteContext& context, const api::Message& old,
                                api::Message& object) override {
    const auto& was = static_cast<const T&>(old).role_ref();
    const auto& now = static_cast<const T&>(object).role_ref();
    if (was.kind() != now.kind() || was.name() != now.name()) {
      return InvalidError(
          SubjectOf(static_cast<const T&>(object)),
          {{"FieldValueInvalid", "Invalid value: cannot change roleRef", "roleRef"}});
    }
    return Check(context, static_cast<const T&>(object));
  }

 private:
  static ErrorSubject SubjectOf(const T& binding) {
    constexpr bool kCluster = std::is_same_v<T, ClusterRoleBinding>;
    return {kGroup, kCluster ? "clusterrolebindings" : "rolebindings",
            kCluster ? "ClusterRoleBinding" : "RoleBinding", binding.metadata().name()};
  }

  absl::Status Check(const WriteContext& context, const T& binding) const {
    const RoleRef& role = binding.role_ref();
    const std::string& namespace_ = binding.metadata().namespace_();
    const char* resource = role.kind() == "ClusterRole" ? "clusterroles" : "roles";
    if (context.user.In(kMasters) ||
        May(cache_, context.user, "bind", resource, namespace_, role.name())) {
      return absl::OkStatus();
    }
    const auto rules = RulesOfRole(cache_, role, namespace_);
    if (!rules.ok()) return rules.status();
    return CheckGrant(cache_, context.user, namespace_, *rules, SubjectOf(binding));
  }

  const ObjectCache& cache_;
};

}  // namespace

void AddRoleStrategies(Registry& registry) {
  const ObjectCache& cache = registry.cache();
  registry.SetStrategy(kGroup, "roles", std::make_unique<RoleStrategy<Role>>(cache));
  registry.SetStrategy(kGroup, "clusterroles", std::make_unique<RoleStrategy<ClusterRole>>(cache));
  registry.SetStrategy(kGroup, "rolebindings",
                       std::make_unique<BindingStrategy<RoleBinding>>(cache));
  registry.SetStrategy(kGroup, "clusterrolebindings",
                       std::make_unique<BindingStrategy<ClusterRoleBinding>>(cache));
}

}  // namespace berth::controlplane
