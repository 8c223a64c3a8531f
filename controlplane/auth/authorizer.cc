// SPDX-License-Identifier: Apache-2.0
#include "controlplane/auth/authorizer.h"

#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

// Told to everybody, known or not: whether the server lives and what it is.
bool IsPublic(const RequestInfo& request) {
  if (request.is_resource || (request.verb != "get" && request.verb != "head")) return false;
  const std::string& path = request.path;
  return path == "/healthz" || path == "/livez" || path == "/readyz" || path == "/version" ||
         path == "/version/" || path.starts_with("/livez/") || path.starts_with("/readyz/");
}

}  // namespace

Verdict Authorizer::Authorize(const UserInfo& user, const RequestInfo& request,
                              std::string_view field_selector) const {
  if (user.In(kMasters)) return {true, ""};
  if (IsPublic(request)) return {true, ""};
  Verdict node_verdict;
  if (const std::string_view node = user.Node(); !node.empty()) {
    node_verdict = AuthorizeNode(cache_, node, request, field_selector);
    if (node_verdict.allowed) return node_verdict;
  }
  Verdict verdict = AuthorizeByRoles(cache_, user, request);
  if (!verdict.allowed && verdict.reason.empty()) verdict.reason = node_verdict.reason;
  return verdict;
}

absl::Status DeniedError(const UserInfo& user, const RequestInfo& request, const Verdict& verdict) {
  std::string why = StrCat("User \"", user.name, "\" cannot ", request.verb);
  if (!request.is_resource) {
    base::StrAppend(why, " path \"", request.path, "\"");
    if (!verdict.reason.empty()) base::StrAppend(why, ": ", verdict.reason);
    return ForbiddenError({}, why);
  }
  const std::string resource = request.subresource.empty()
                                   ? request.resource
                                   : StrCat(request.resource, "/", request.subresource);
  base::StrAppend(why, " resource \"", resource, "\" in API group \"", request.group, "\"");
  if (request.namespace_.empty() || request.resource == "namespaces") {
    why += " at the cluster scope";
  } else {
    base::StrAppend(why, " in the namespace \"", request.namespace_, "\"");
  }
  if (!verdict.reason.empty()) base::StrAppend(why, ": ", verdict.reason);
  return ForbiddenError({request.group, request.resource, "", request.name}, why);
}

}  // namespace berth::controlplane
