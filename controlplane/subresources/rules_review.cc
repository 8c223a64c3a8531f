// SPDX-License-Identifier: Apache-2.0
#include "controlplane/subresources/rules_review.h"

#include "api/proto/authorization/v1/authorization.pb.h"
#include "api/proto/rbac/v1/rbac.pb.h"
#include "base/status.h"
#include "controlplane/auth/user_rules.h"

namespace berth::controlplane {
namespace {

void AddRule(const api::rbac::v1::PolicyRule& rule,
             api::authorization::v1::SubjectRulesReviewStatus& status) {
  if (!rule.resources().empty()) {
    auto& out = *status.add_resource_rules();
    *out.mutable_verbs() = rule.verbs();
    *out.mutable_api_groups() = rule.api_groups();
    *out.mutable_resources() = rule.resources();
    *out.mutable_resource_names() = rule.resource_names();
  }
  if (!rule.non_resource_urls().empty()) {
    auto& out = *status.add_non_resource_rules();
    *out.mutable_verbs() = rule.verbs();
    *out.mutable_non_resource_urls() = rule.non_resource_urls();
  }
}

// What roles give; a node's rights are by object and not among it.
absl::Status Serve(const ObjectCache& cache, RequestScope& scope) {
  api::authorization::v1::SelfSubjectRulesReview review;
  RETURN_IF_ERROR(scope.Decode(review));
  auto& status = *review.mutable_status();
  status.Clear();
  status.set_incomplete(!scope.user.Node().empty());
  for (const auto& rule : RulesOf(cache, scope.user, review.spec().namespace_())) {
    AddRule(rule, status);
  }
  scope.RespondPlain(201, review);
  return absl::OkStatus();
}

}  // namespace

void AddRulesReview(const ObjectCache& cache, SubresourceTable& table) {
  table["authorization.k8s.io/selfsubjectrulesreviews"] = [&cache](RequestScope& scope) {
    return Serve(cache, scope);
  };
}

}  // namespace berth::controlplane
