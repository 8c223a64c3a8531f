// SPDX-License-Identifier: Apache-2.0
// May somebody do something: answered by the authorizer that judges the requests themselves.
#include "api/proto/authorization/v1/authorization.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/subresources/subresources.h"

namespace berth::controlplane {
namespace {

namespace authorization = api::authorization::v1;

template <class Spec>
absl::StatusOr<RequestInfo> InfoOf(const Spec& spec) {
  if (spec.has_resource_attributes() == spec.has_non_resource_attributes()) {
    return BadRequestError(
        "exactly one of nonResourceAttributes or resourceAttributes must be specified");
  }
  RequestInfo info;
  if (spec.has_non_resource_attributes()) {
    info.verb = spec.non_resource_attributes().verb();
    info.path = spec.non_resource_attributes().path();
    return info;
  }
  const auto& resource = spec.resource_attributes();
  info.is_resource = true;
  info.verb = resource.verb();
  info.group = resource.group();
  info.version = resource.version();
  info.resource = resource.resource();
  info.subresource = resource.subresource();
  info.namespace_ = resource.namespace_();
  info.name = resource.name();
  return info;
}

template <class Spec>
std::string FieldSelectorOf(const Spec& spec) {
  const auto& selector = spec.resource_attributes().field_selector();
  if (!selector.raw_selector().empty()) return selector.raw_selector();
  std::vector<std::string> terms;
  for (const auto& term : selector.requirements()) {
    if (term.operator_() == "In" && term.values_size() == 1) {
      terms.push_back(base::StrCat(term.key(), "=", term.values(0)));
    }
  }
  return base::Join(terms, ",");
}

template <class Review>
void Answer(const Verdict& verdict, Review& review) {
  auto& status = *review.mutable_status();
  status.Clear();
  status.set_allowed(verdict.allowed);
  if (!verdict.reason.empty()) status.set_reason(verdict.reason);
}

template <class Review>
absl::Status ServeForSomebody(const Authorizer& authorizer, RequestScope& scope) {
  Review review;
  RETURN_IF_ERROR(scope.Decode(review));
  ASSIGN_OR_RETURN(const RequestInfo info, InfoOf(review.spec()));
  if (review.spec().user().empty() && review.spec().groups().empty()) {
    return BadRequestError("at least one of user or group must be specified");
  }
  UserInfo user;
  user.name = review.spec().user();
  user.uid = review.spec().uid();
  user.groups.assign(review.spec().groups().begin(), review.spec().groups().end());
  Answer(authorizer.Authorize(user, info, FieldSelectorOf(review.spec())), review);
  scope.RespondPlain(201, review);
  return absl::OkStatus();
}

absl::Status ServeForSelf(const Authorizer& authorizer, RequestScope& scope) {
  authorization::SelfSubjectAccessReview review;
  RETURN_IF_ERROR(scope.Decode(review));
  ASSIGN_OR_RETURN(const RequestInfo info, InfoOf(review.spec()));
  Answer(authorizer.Authorize(scope.user, info, FieldSelectorOf(review.spec())), review);
  scope.RespondPlain(201, review);
  return absl::OkStatus();
}

}  // namespace

void AddReviews(const Authorizer& authorizer, SubresourceTable& table) {
  table["authorization.k8s.io/subjectaccessreviews"] = [&authorizer](RequestScope& scope) {
    return ServeForSomebody<authorization::SubjectAccessReview>(authorizer, scope);
  };
  table["authorization.k8s.io/localsubjectaccessreviews"] = [&authorizer](RequestScope& scope) {
    return ServeForSomebody<authorization::LocalSubjectAccessReview>(authorizer, scope);
  };
  table["authorization.k8s.io/selfsubjectaccessreviews"] = [&authorizer](RequestScope& scope) {
    return ServeForSelf(authorizer, scope);
  };
}

}  // namespace berth::controlplane
