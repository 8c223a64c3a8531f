// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/signing_plan.h"

#include <algorithm>
#include <set>

#include "api/proto/certificates/v1/certificates.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/user_info.h"
#include "controlplane/pki/certificate.h"

namespace berth::controlplane {
namespace {

using api::certificates::v1::CertificateSigningRequest;
using base::StrCat;
using Action = SigningPlan::Action;
using Usages = std::set<std::string>;

constexpr absl::Duration kSettledLifetime = absl::Hours(1);
constexpr absl::Duration kPendingLifetime = absl::Hours(24);

absl::Time TimeOf(const api::Time& time) { return absl::FromUnixSeconds(time.seconds()); }

const api::certificates::v1::CertificateSigningRequestCondition* Find(
    const CertificateSigningRequest& request, std::string_view type) {
  for (const auto& condition : request.status().conditions()) {
    if (condition.type() == type) return &condition;
  }
  return nullptr;
}

// When nobody needs the request any more; nothing while it is on its way.
std::optional<absl::Time> EndOfUse(const CertificateSigningRequest& request) {
  const auto& status = request.status();
  if (status.conditions().empty()) {
    return TimeOf(request.metadata().creation_timestamp()) + kPendingLifetime;
  }
  for (const char* type : {"Denied", "Failed"}) {
    if (const auto* condition = Find(request, type); condition != nullptr) {
      return TimeOf(condition->last_update_time()) + kSettledLifetime;
    }
  }
  const auto* approved = Find(request, "Approved");
  if (approved == nullptr || status.certificate().empty()) return std::nullopt;
  absl::Time end = TimeOf(approved->last_update_time()) + kSettledLifetime;
  const auto facts = ReadCertificate(status.certificate());
  return facts.ok() ? std::min(end, facts->not_after) : end;
}

// One of the sets of usages, with or without what only RSA keys need.
std::string UsageProblem(const Usages& usages, const Usages& wanted) {
  Usages without = wanted;
  without.erase("key encipherment");
  if (usages == wanted || usages == without) return "";
  return StrCat("usages did not match [", base::Join(wanted, " "), "]");
}

std::string SubjectProblem(const SigningRequest& asked) {
  if (asked.organizations != std::vector<std::string>{std::string(kNodes)}) {
    return "subject organization is not system:nodes";
  }
  if (!asked.common_name.starts_with(kNodeUserPrefix)) {
    return "subject common name does not begin with system:node:";
  }
  return "";
}

std::string KubeletClientProblem(const SigningRequest& asked, const Usages& usages) {
  if (std::string problem = SubjectProblem(asked); !problem.empty()) return problem;
  if (!asked.dns_names.empty()) return "DNS subjectAltNames are not allowed";
  if (asked.emails > 0) return "Email subjectAltNames are not allowed";
  if (!asked.addresses.empty()) return "IP subjectAltNames are not allowed";
  if (asked.uris > 0) return "URI subjectAltNames are not allowed";
  return UsageProblem(usages, {"client auth", "digital signature", "key encipherment"});
}

std::string KubeletServingProblem(const SigningRequest& asked, const Usages& usages) {
  if (std::string problem = SubjectProblem(asked); !problem.empty()) return problem;
  if (asked.dns_names.empty() && asked.addresses.empty()) {
    return "DNS or IP subjectAltName is required";
  }
  if (asked.emails > 0) return "Email subjectAltNames are not allowed";
  if (asked.uris > 0) return "URI subjectAltNames are not allowed";
  return UsageProblem(usages, {"digital signature", "key encipherment", "server auth"});
}

std::string ClientProblem(const Usages& usages) {
  for (const std::string& usage : usages) {
    if (usage != "digital signature" && usage != "key encipherment" && usage != "client auth") {
      return StrCat("invalid usage for client certificate: ", usage);
    }
  }
  return usages.contains("client auth")
             ? ""
             : "missing required usage for client certificate: client auth";
}

bool IsOurs(std::string_view signer) {
  return signer == kClientSigner || signer == kKubeletClientSigner ||
         signer == kKubeletServingSigner;
}

// Serving certificates are for a person to approve: nobody here can tell whether a node has the
// names that it says.
std::vector<Approval> ApprovalsOf(const CertificateSigningRequest& request,
                                  const SigningRequest& asked,
                                  const std::vector<std::string>& usages) {
  std::vector<Approval> out;
  const auto& spec = request.spec();
  if (spec.signer_name() != kKubeletClientSigner ||
      !SignerProblem(kKubeletClientSigner, asked, usages).empty()) {
    return out;
  }
  if (spec.username() == asked.common_name) {
    out.push_back({"selfnodeclient",
                   "Auto approving self kubelet client certificate after SubjectAccessReview."});
  }
  out.push_back(
      {"nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview."});
  return out;
}

}  // namespace

std::string SignerProblem(std::string_view signer, const SigningRequest& asked,
                          const std::vector<std::string>& usages) {
  const Usages set(usages.begin(), usages.end());
  if (signer == kKubeletClientSigner) return KubeletClientProblem(asked, set);
  if (signer == kKubeletServingSigner) return KubeletServingProblem(asked, set);
  if (signer == kClientSigner) return ClientProblem(set);
  return StrCat("unrecognized signerName: \"", signer, "\"");
}

SigningPlan PlanSigning(const CertificateSigningRequest& request, absl::Time now) {
  SigningPlan plan;
  plan.look_again = EndOfUse(request);
  if (plan.look_again.has_value() && *plan.look_again <= now) {
    return {.action = Action::kDelete};
  }
  const auto& spec = request.spec();
  const bool settled = !request.status().certificate().empty() ||
                       Find(request, "Denied") != nullptr || Find(request, "Failed") != nullptr;
  if (settled || !IsOurs(spec.signer_name())) return plan;
  const auto asked = ReadSigningRequest(spec.request());
  if (!asked.ok()) return plan;
  const std::vector<std::string> usages(spec.usages().begin(), spec.usages().end());
  if (Find(request, "Approved") == nullptr) {
    plan.approvals = ApprovalsOf(request, *asked, usages);
    if (!plan.approvals.empty()) plan.action = Action::kApprove;
    return plan;
  }
  plan.failure = SignerProblem(spec.signer_name(), *asked, usages);
  plan.action = plan.failure.empty() ? Action::kSign : Action::kFail;
  return plan;
}

}  // namespace berth::controlplane
