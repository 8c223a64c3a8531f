// SPDX-License-Identifier: Apache-2.0
// serviceaccounts/token, tokenreviews and selfsubjectreviews.
#include "api/proto/authentication/v1/authentication.pb.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/pod_spec.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/apiserver/random_names.h"
#include "controlplane/subresources/subresources.h"

namespace berth::controlplane {
namespace {

using api::authentication::v1::TokenRequest;
using api::authentication::v1::TokenReview;
using base::StrCat;

constexpr int64_t kDefaultSeconds = 3600;
constexpr int64_t kShortestSeconds = 600;
constexpr int64_t kLongestSeconds = int64_t{1} << 32;
// A token that is asked for with the lifetime of a projected volume lives longer, for clients that
// do not read it again in time.
constexpr int64_t kProjectedSeconds = 3607;
constexpr absl::Duration kProjectedLifetime = absl::Hours(24 * 365);

absl::Status BindToObject(const ObjectCache& cache, const UserInfo& user,
                          const TokenRequest& request, TokenClaims& claims) {
  if (!request.spec().has_bound_object_ref()) {
    if (user.Node().empty()) return absl::OkStatus();
    return ForbiddenError({"", "serviceaccounts", "ServiceAccount", claims.account},
                          StrCat("node requested token not bound to a pod"));
  }
  const auto& reference = request.spec().bound_object_ref();
  const bool pod = reference.kind() == "Pod";
  if (!pod && reference.kind() != "Secret") {
    return BadRequestError(StrCat("cannot bind token for serviceaccount \"", claims.account,
                                  "\" to object of type ", reference.kind()));
  }
  ASSIGN_OR_RETURN(const CachedObject found,
                   cache.Get(*FindResource("", "v1", pod ? "pods" : "secrets"), claims.namespace_,
                             reference.name()));
  const std::string& uid = api::MetaOf(*found.object)->uid();
  if (!reference.uid().empty() && reference.uid() != uid) {
    return ConflictError({"", pod ? "pods" : "secrets", "", reference.name()},
                         StrCat("the UID in the bound object reference (", reference.uid(),
                                ") does not match the UID in record. The object might have been "
                                "deleted and then recreated"));
  }
  if (!pod) {
    claims.secret = reference.name();
    claims.secret_uid = uid;
    return absl::OkStatus();
  }
  const auto& object = static_cast<const api::core::v1::Pod&>(*found.object);
  if (object.spec().service_account_name() != claims.account) {
    return BadRequestError(StrCat("cannot bind token for serviceaccount \"", claims.account,
                                  "\" to pod running with different serviceaccount name."));
  }
  if (const std::string_view node = user.Node();
      !node.empty() && object.spec().node_name() != node) {
    return ForbiddenError({"", "serviceaccounts", "ServiceAccount", claims.account},
                          "node requested token bound to a pod scheduled on a different node");
  }
  claims.pod = reference.name();
  claims.pod_uid = uid;
  claims.node = object.spec().node_name();
  const auto node = cache.Get(*FindResource("", "v1", "nodes"), "", claims.node);
  if (node.ok()) claims.node_uid = api::MetaOf(*node->object)->uid();
  return absl::OkStatus();
}

absl::Status ServeTokenRequest(Registry& registry, const TokenSigner& signer, RequestScope& scope) {
  TokenRequest request;
  RETURN_IF_ERROR(scope.Decode(request));
  ASSIGN_OR_RETURN(const CachedObject account,
                   registry.cache().Get(*scope.resource, scope.info.namespace_, scope.info.name));
  auto& spec = *request.mutable_spec();
  if (!spec.has_expiration_seconds()) spec.set_expiration_seconds(kDefaultSeconds);
  const int64_t seconds = spec.expiration_seconds();
  if (seconds < kShortestSeconds || seconds > kLongestSeconds) {
    return InvalidError(
        {"authentication.k8s.io", "tokenrequests", "TokenRequest", scope.info.name},
        {{"FieldValueInvalid",
          StrCat("Invalid value: ", seconds,
                 seconds < kShortestSeconds ? ": may not specify a duration less than 10 minutes"
                                            : ": may not specify a duration larger than 2^32 "
                                              "seconds"),
          "spec.expirationSeconds"}});
  }
  if (spec.audiences().empty()) spec.add_audiences(std::string(kTokenIssuer));
  TokenClaims claims;
  claims.namespace_ = scope.info.namespace_;
  claims.account = scope.info.name;
  claims.account_uid = api::MetaOf(*account.object)->uid();
  claims.audiences.assign(spec.audiences().begin(), spec.audiences().end());
  claims.id = NewUid();
  claims.issued = scope.now;
  RETURN_IF_ERROR(BindToObject(registry.cache(), scope.user, request, claims));
  const bool projected = seconds == kProjectedSeconds && !claims.pod.empty();
  claims.expires = scope.now + (projected ? kProjectedLifetime : absl::Seconds(seconds));
  ASSIGN_OR_RETURN(const std::string token, signer.Sign(claims));
  auto& meta = *request.mutable_metadata();
  meta.set_name(scope.info.name);
  meta.set_namespace_(scope.info.namespace_);
  meta.mutable_creation_timestamp()->set_seconds(absl::ToUnixSeconds(scope.now));
  auto& status = *request.mutable_status();
  status.set_token(token);
  // What was asked for: clients renew by this.
  status.mutable_expiration_timestamp()->set_seconds(absl::ToUnixSeconds(scope.now) + seconds);
  scope.RespondPlain(201, request);
  return absl::OkStatus();
}

void FillUser(const UserInfo& user, api::authentication::v1::UserInfo& out) {
  out.set_username(user.name);
  if (!user.uid.empty()) out.set_uid(user.uid);
  for (const std::string& group : user.groups) out.add_groups(group);
  for (const auto& [key, values] : user.extra) {
    for (const std::string& value : values) (*out.mutable_extra())[key].add_items(value);
  }
}

absl::Status ServeTokenReview(const Authenticator& authenticator, RequestScope& scope) {
  TokenReview review;
  RETURN_IF_ERROR(scope.Decode(review));
  if (review.spec().token().empty()) {
    return BadRequestError("token is required for TokenReview in authentication");
  }
  std::vector<std::string> matched;
  const auto user = authenticator.CheckToken(
      review.spec().token(), {review.spec().audiences().begin(), review.spec().audiences().end()},
      &matched);
  auto& status = *review.mutable_status();
  status.Clear();
  if (user.ok()) {
    status.set_authenticated(true);
    FillUser(*user, *status.mutable_user());
    for (const std::string& audience : matched) status.add_audiences(audience);
  } else {
    status.set_error(std::string(base::Message(user.status())));
  }
  scope.RespondPlain(201, review);
  return absl::OkStatus();
}

absl::Status ServeSelfSubjectReview(RequestScope& scope) {
  api::authentication::v1::SelfSubjectReview review;
  RETURN_IF_ERROR(scope.Decode(review));
  auto& meta = *review.mutable_metadata();
  meta.mutable_creation_timestamp()->set_seconds(absl::ToUnixSeconds(scope.now));
  FillUser(scope.user, *review.mutable_status()->mutable_user_info());
  scope.RespondPlain(201, review);
  return absl::OkStatus();
}

}  // namespace

void AddTokens(Registry& registry, const TokenSigner& signer, const Authenticator& authenticator,
               SubresourceTable& table) {
  table["/serviceaccounts/token"] = [&registry, &signer](RequestScope& scope) {
    return ServeTokenRequest(registry, signer, scope);
  };
  table["authentication.k8s.io/tokenreviews"] = [&authenticator](RequestScope& scope) {
    return ServeTokenReview(authenticator, scope);
  };
  table["authentication.k8s.io/selfsubjectreviews"] = ServeSelfSubjectReview;
}

}  // namespace berth::controlplane
