// SPDX-License-Identifier: Apache-2.0
// certificatesigningrequests/approval and /status. An approver writes conditions and no
// certificate, a signer the certificate and neither Approved nor Denied; both need leave for the
// signer that the request names.
#include <google/protobuf/util/message_differencer.h>

#include "api/proto/certificates/v1/certificates.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/apiserver/write_handler.h"
#include "controlplane/subresources/subresources.h"

namespace berth::controlplane {
namespace {

using api::certificates::v1::CertificateSigningRequest;
using api::certificates::v1::CertificateSigningRequestCondition;
using base::StrCat;
using google::protobuf::util::MessageDifferencer;

// May the user do `verb` for this signer, or for every signer of its domain?
bool MayFor(const Authorizer& authorizer, const UserInfo& user, std::string_view verb,
            const std::string& signer) {
  RequestInfo asked;
  asked.is_resource = true;
  asked.verb = verb;
  asked.group = "certificates.k8s.io";
  asked.version = "*";
  asked.resource = "signers";
  asked.name = signer;
  if (authorizer.Authorize(user, asked).allowed) return true;
  asked.name = StrCat(base::SplitOnce(signer, '/').first, "/*");
  return authorizer.Authorize(user, asked).allowed;
}

const CertificateSigningRequestCondition* Find(const CertificateSigningRequest& request,
                                               std::string_view type) {
  for (const auto& condition : request.status().conditions()) {
    if (condition.type() == type) return &condition;
  }
  return nullptr;
}

bool SameConditions(const CertificateSigningRequest& a, const CertificateSigningRequest& b) {
  if (a.status().conditions_size() != b.status().conditions_size()) return false;
  for (int i = 0; i < a.status().conditions_size(); ++i) {
    if (!MessageDifferencer::Equivalent(a.status().conditions(i), b.status().conditions(i))) {
      return false;
    }
  }
  return true;
}

void FillTimes(const CertificateSigningRequest& old, absl::Time now,
               CertificateSigningRequest& next) {
  for (auto& condition : *next.mutable_status()->mutable_conditions()) {
    if (condition.last_update_time().seconds() == 0) {
      condition.mutable_last_update_time()->set_seconds(absl::ToUnixSeconds(now));
    }
    const auto* before = Find(old, condition.type());
    const bool same = before != nullptr && before->status() == condition.status();
    if (same && before->last_transition_time().seconds() != 0) {
      *condition.mutable_last_transition_time() = before->last_transition_time();
    } else if (condition.last_transition_time().seconds() == 0) {
      condition.mutable_last_transition_time()->set_seconds(absl::ToUnixSeconds(now));
    }
  }
}

absl::Status Forbidden(const RequestScope& scope, const CertificateSigningRequest& request,
                       std::string_view field, std::string_view why) {
  return InvalidError(scope.resource->Subject(request.metadata().name()),
                      {{"FieldValueForbidden", StrCat("Forbidden: ", why), std::string(field)}});
}

absl::Status CheckApproval(const Authorizer& authorizer, const RequestScope& scope,
                           const CertificateSigningRequest& old,
                           const CertificateSigningRequest& next) {
  const std::string& signer = old.spec().signer_name();
  if (!MayFor(authorizer, scope.user, "approve", signer)) {
    return ForbiddenError(
        scope.resource->Subject(old.metadata().name()),
        StrCat("user not permitted to approve requests with signerName \"", signer, "\""));
  }
  if (next.status().certificate() == old.status().certificate()) return absl::OkStatus();
  return Forbidden(scope, old, "status.certificate", "updates may not set certificate content");
}

absl::Status CheckSigning(const Authorizer& authorizer, const RequestScope& scope,
                          const CertificateSigningRequest& old,
                          const CertificateSigningRequest& next) {
  const std::string& signer = old.spec().signer_name();
  const bool touched =
      next.status().certificate() != old.status().certificate() || !SameConditions(old, next);
  if (touched && !MayFor(authorizer, scope.user, "sign", signer)) {
    return ForbiddenError(
        scope.resource->Subject(old.metadata().name()),
        StrCat("user not permitted to sign requests with signerName \"", signer, "\""));
  }
  for (const char* type : {"Approved", "Denied"}) {
    const auto* before = Find(old, type);
    const auto* after = Find(next, type);
    if (before == nullptr && after != nullptr) {
      return Forbidden(scope, old, "status.conditions",
                       StrCat("updates may not add a condition of type \"", type, "\""));
    }
    if (before != nullptr && after != nullptr && !MessageDifferencer::Equivalent(*before, *after)) {
      return Forbidden(scope, old, "status.conditions",
                       StrCat("updates may not modify a condition of type \"", type, "\""));
    }
  }
  return absl::OkStatus();
}

using Check = absl::Status (*)(const Authorizer&, const RequestScope&,
                               const CertificateSigningRequest&, const CertificateSigningRequest&);

absl::Status Serve(Registry& registry, const Authorizer& authorizer, Check check,
                   RequestScope& scope) {
  const RequestInfo& info = scope.info;
  if (info.verb == "get") {
    ASSIGN_OR_RETURN(const CachedObject found,
                     registry.cache().Get(*scope.resource, "", info.name));
    scope.RespondObject(200, *found.object);
    return absl::OkStatus();
  }
  if (info.verb != "update" && info.verb != "patch") {
    return MethodNotAllowedError(scope.resource->Subject(info.name), info.verb);
  }
  CertificateSigningRequest sent;
  if (info.verb == "update") {
    RETURN_IF_ERROR(scope.Decode(sent));
    if (sent.metadata().name() != info.name) {
      return BadRequestError(StrCat("the name of the object (", sent.metadata().name(),
                                    ") does not match the name on the URL (", info.name, ")"));
    }
  }
  const auto change = [&](api::Message& object) {
    auto& next = static_cast<CertificateSigningRequest&>(object);
    const CertificateSigningRequest old = next;
    if (info.verb == "patch") {
      RETURN_IF_ERROR(ApplyRequestPatch(scope, next));
    } else {
      next = sent;
      if (sent.metadata().resource_version().empty()) {
        next.mutable_metadata()->set_resource_version(old.metadata().resource_version());
      }
    }
    FillTimes(old, scope.now, next);
    return check(authorizer, scope, old, next);
  };
  ASSIGN_OR_RETURN(const ObjectPtr changed, registry.Modify(scope.Context(), *scope.resource, "",
                                                            info.name, Part::kStatus, change));
  scope.RespondObject(200, *changed);
  return absl::OkStatus();
}

}  // namespace

void AddSigningRequests(Registry& registry, const Authorizer& authorizer, SubresourceTable& table) {
  const auto add = [&](const char* subresource, Check check) {
    table[StrCat("certificates.k8s.io/certificatesigningrequests/", subresource)] =
        [&registry, &authorizer, check](RequestScope& scope) {
          return Serve(registry, authorizer, check, scope);
        };
  };
  add("approval", CheckApproval);
  add("status", CheckSigning);
}

}  // namespace berth::controlplane
