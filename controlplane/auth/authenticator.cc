// SPDX-License-Identifier: Apache-2.0
#include "controlplane/auth/authenticator.h"

#include <algorithm>

#include "api/proto/core/v1/config.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/auth/bootstrap_token.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

UserInfo AccountUser(const TokenClaims& claims) {
  UserInfo user;
  user.name = claims.Subject();
  user.uid = claims.account_uid;
  user.groups = {"system:serviceaccounts", StrCat("system:serviceaccounts:", claims.namespace_),
                 "system:authenticated"};
  auto add = [&user](const char* key, const std::string& value) {
    if (!value.empty()) user.extra[StrCat("authentication.kubernetes.io/", key)] = {value};
  };
  add("credential-id", claims.id.empty() ? "" : StrCat("JTI=", claims.id));
  add("pod-name", claims.pod);
  add("pod-uid", claims.pod_uid);
  add("node-name", claims.node);
  add("node-uid", claims.node_uid);
  return user;
}

}  // namespace

absl::StatusOr<UserInfo> Authenticator::Authenticate(const http::Exchange& exchange) const {
  UserInfo user;
  if (const auto& peer = exchange.peer(); peer.has_value() && !peer->common_name.empty()) {
    user.name = peer->common_name;
    user.groups = peer->organizations;
    user.groups.push_back("system:authenticated");
    return user;
  }
  const std::string_view authorization = exchange.request().headers.Get("Authorization");
  if (!authorization.empty()) {
    const auto [scheme, token] = base::SplitOnce(authorization, ' ');
    if (base::ToLower(scheme) != "bearer" || !token.has_value()) {
      return base::MakeStatus(absl::StatusCode::kUnauthenticated, "unknown authorization scheme");
    }
    return CheckToken(base::Trim(*token), {});
  }
  user.name = kAnonymous;
  user.groups = {"system:unauthenticated"};
  return user;
}

absl::StatusOr<UserInfo> Authenticator::CheckToken(std::string_view token,
                                                   const std::vector<std::string>& audiences,
                                                   std::vector<std::string>* matched) const {
  if (const auto bootstrap = ParseBootstrapToken(token); bootstrap.has_value()) {
    return CheckBootstrap(*bootstrap, audiences, matched);
  }
  ASSIGN_OR_RETURN(const TokenClaims claims, tokens_.Verify(token, clock_.Now()));
  std::vector<std::string> wanted = audiences;
  if (wanted.empty()) wanted.emplace_back(kTokenIssuer);
  std::vector<std::string> both;
  for (const std::string& audience : wanted) {
    if (std::find(claims.audiences.begin(), claims.audiences.end(), audience) !=
        claims.audiences.end()) {
      both.push_back(audience);
    }
  }
  if (both.empty()) {
    return base::MakeStatus(
        absl::StatusCode::kUnauthenticated, "token audiences [", base::Join(claims.audiences, " "),
        "] is invalid for the target audiences [", base::Join(wanted, " "), "]");
  }
  RETURN_IF_ERROR(CheckStillThere(claims));
  if (matched != nullptr) *matched = both;
  return AccountUser(claims);
}

absl::StatusOr<UserInfo> Authenticator::CheckBootstrap(const BootstrapToken& token,
                                                       const std::vector<std::string>& audiences,
                                                       std::vector<std::string>* matched) const {
  // It says nothing about audiences, so it is for the API server alone.
  if (!audiences.empty() &&
      std::find(audiences.begin(), audiences.end(), kTokenIssuer) == audiences.end()) {
    return base::MakeStatus(absl::StatusCode::kUnauthenticated,
                            "bootstrap token: not for the target audiences");
  }
  const auto secret =
      cache_.Get(*FindResource("", "v1", "secrets"), kBootstrapNamespace, token.SecretName());
  if (!secret.ok()) {
    return base::MakeStatus(absl::StatusCode::kUnauthenticated, "bootstrap token: no such token");
  }
  ASSIGN_OR_RETURN(
      UserInfo user,
      CheckBootstrapToken(token, static_cast<const api::core::v1::Secret&>(*secret->object),
                          clock_.Now()));
  if (matched != nullptr) *matched = {std::string(kTokenIssuer)};
  return user;
}

absl::Status Authenticator::CheckStillThere(const TokenClaims& claims) const {
  auto check = [this](const char* plural, const std::string& namespace_, const std::string& name,
                      const std::string& uid) -> absl::Status {
    const auto found = cache_.Get(*FindResource("", "v1", plural), namespace_, name);
    if (!found.ok() || api::MetaOf(*found->object)->uid() != uid) {
      return base::MakeStatus(absl::StatusCode::kUnauthenticated, plural, " ", name,
                              " of the token is gone");
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(check("serviceaccounts", claims.namespace_, claims.account, claims.account_uid));
  if (!claims.pod.empty()) {
    RETURN_IF_ERROR(check("pods", claims.namespace_, claims.pod, claims.pod_uid));
  }
  if (!claims.secret.empty()) {
    RETURN_IF_ERROR(check("secrets", claims.namespace_, claims.secret, claims.secret_uid));
  }
  return absl::OkStatus();
}

}  // namespace berth::controlplane
