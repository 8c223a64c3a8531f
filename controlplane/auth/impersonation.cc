// SPDX-License-Identifier: Apache-2.0
#include "controlplane/auth/impersonation.h"

#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/auth/authenticator.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

absl::Status Check(const Authorizer& authorizer, const UserInfo& user, std::string_view resource,
                   std::string_view namespace_, std::string_view name) {
  RequestInfo info;
  info.is_resource = true;
  info.verb = "impersonate";
  info.version = "v1";
  info.resource = resource;
  info.namespace_ = namespace_;
  info.name = name;
  const Verdict verdict = authorizer.Authorize(user, info);
  return verdict.allowed ? absl::OkStatus() : DeniedError(user, info, verdict);
}

}  // namespace

absl::StatusOr<UserInfo> Impersonate(const Authorizer& authorizer, const http::Headers& headers,
                                     const UserInfo& user) {
  const std::string_view name = headers.Get("Impersonate-User");
  const auto groups = headers.All("Impersonate-Group");
  if (name.empty()) {
    if (groups.empty() && headers.Get("Impersonate-Uid").empty()) return user;
    return BadRequestError("requested impersonation without a user");
  }
  UserInfo out;
  out.name = name;
  out.uid = headers.Get("Impersonate-Uid");
  constexpr std::string_view kAccount = "system:serviceaccount:";
  if (name.starts_with(kAccount)) {
    const auto [namespace_, account] = base::SplitOnce(name.substr(kAccount.size()), ':');
    RETURN_IF_ERROR(Check(authorizer, user, "serviceaccounts", namespace_, account.value_or("")));
    if (groups.empty()) {
      out.groups = {"system:serviceaccounts", StrCat("system:serviceaccounts:", namespace_)};
    }
  } else {
    RETURN_IF_ERROR(Check(authorizer, user, "users", "", name));
  }
  for (const std::string_view group : groups) {
    RETURN_IF_ERROR(Check(authorizer, user, "groups", "", group));
    out.groups.emplace_back(group);
  }
  if (!out.uid.empty()) RETURN_IF_ERROR(Check(authorizer, user, "uids", "", out.uid));
  out.groups.emplace_back(name == kAnonymous ? "system:unauthenticated" : "system:authenticated");
  return out;
}

}  // namespace berth::controlplane
