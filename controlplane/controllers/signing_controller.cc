// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/signing_controller.h"

#include "api/proto/authorization/v1/authorization.pb.h"
#include "api/proto/certificates/v1/certificates.pb.h"
#include "base/log.h"
#include "base/status.h"

namespace berth::controlplane {
namespace {

using api::certificates::v1::CertificateSigningRequest;

void AddCondition(std::string_view type, std::string_view reason, std::string_view message,
                  absl::Time now, CertificateSigningRequest& request) {
  auto& condition = *request.mutable_status()->add_conditions();
  condition.set_type(std::string(type));
  condition.set_status("True");
  condition.set_reason(std::string(reason));
  condition.set_message(std::string(message));
  condition.mutable_last_update_time()->set_seconds(absl::ToUnixSeconds(now));
}

}  // namespace

SigningController::SigningController(Context& context)
    : context_(context),
      queue_(context, "csrsigning", [this](const std::string& name) { return Sync(name); }) {
  context_.informers.OnChange<Request>(
      context_.informers.signing_requests,
      [this](const std::string& name, const Request*, const Request* after) {
        if (after != nullptr) queue_.Add(name);
      });
}

void SigningController::Begin() { queue_.AddAll(context_.informers.signing_requests); }

absl::Status SigningController::Sync(const std::string& name) {
  const auto request = context_.informers.signing_requests.Get(name);
  if (request == nullptr) return absl::OkStatus();
  const SigningPlan plan = PlanSigning(*request, context_.clock.Now());
  if (plan.look_again.has_value()) {
    queue_.AddAfter(name, *plan.look_again - context_.clock.Now());
  }
  switch (plan.action) {
    case SigningPlan::Action::kNothing:
      return absl::OkStatus();
    case SigningPlan::Action::kApprove:
      return Approve(*request, plan);
    case SigningPlan::Action::kSign:
      return Sign(*request);
    case SigningPlan::Action::kFail:
      return Fail(*request, plan.failure);
    case SigningPlan::Action::kDelete: {
      const absl::Status status = context_.api.Delete(client::kSigningRequests, "", name,
                                                      {.uid = request->metadata().uid()});
      return absl::IsNotFound(status) ? absl::OkStatus() : status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> SigningController::SenderMay(const Request& request,
                                                  const std::string& subresource) {
  api::authorization::v1::SubjectAccessReview review;
  auto& spec = *review.mutable_spec();
  spec.set_user(request.spec().username());
  spec.set_uid(request.spec().uid());
  *spec.mutable_groups() = request.spec().groups();
  for (const auto& [key, values] : request.spec().extra()) {
    *(*spec.mutable_extra())[key].mutable_items() = values.items();
  }
  auto& asked = *spec.mutable_resource_attributes();
  asked.set_group("certificates.k8s.io");
  asked.set_version("*");
  asked.set_resource("certificatesigningrequests");
  asked.set_subresource(subresource);
  asked.set_verb("create");
  api::authorization::v1::SubjectAccessReview answer;
  RETURN_IF_ERROR(context_.api.Create(client::kSubjectAccessReviews, review, &answer));
  return answer.status().allowed();
}

absl::Status SigningController::Approve(const Request& request, const SigningPlan& plan) {
  const std::string& name = request.metadata().name();
  for (const Approval& approval : plan.approvals) {
    ASSIGN_OR_RETURN(const bool may, SenderMay(request, approval.subresource),
                     "asking about the sender of ", name);
    if (!may) continue;
    Request approved = request;
    AddCondition("Approved", "AutoApproved", approval.message, context_.clock.Now(), approved);
    const absl::Status status =
        context_.api.UpdateSubresource(client::kSigningRequests, "approval", approved, nullptr);
    if (absl::IsNotFound(status)) return absl::OkStatus();
    RETURN_IF_ERROR(status, "approving ", name);
    BERTH_INFO("certificate request approved", {"request", name},
               {"user", request.spec().username()}, {"as", approval.subresource});
    return absl::OkStatus();
  }
  // Its sender may be bound to a role later, or somebody approves it by hand; it goes after a day.
  BERTH_INFO("certificate request waits for approval", {"request", name},
             {"user", request.spec().username()});
  return absl::OkStatus();
}

absl::Status SigningController::Sign(const Request& request) {
  const std::string& name = request.metadata().name();
  const auto& spec = request.spec();
  SigningTerms terms;
  terms.usages.assign(spec.usages().begin(), spec.usages().end());
  std::optional<int32_t> requested;
  if (spec.has_expiration_seconds()) requested = spec.expiration_seconds();
  terms.lifetime = SignedLifetime(requested, context_.options.signing_duration);
  const auto certificate =
      SignRequest(context_.options.authority, spec.request(), terms, context_.clock.Now());
  if (absl::IsInvalidArgument(certificate.status())) {
    return Fail(request, std::string(base::Message(certificate.status())));
  }
  if (!certificate.ok()) return certificate.status();
  Request signed_request = request;
  signed_request.mutable_status()->set_certificate(*certificate);
  const absl::Status status =
      context_.api.UpdateStatus(client::kSigningRequests, signed_request, nullptr);
  if (absl::IsNotFound(status)) return absl::OkStatus();
  RETURN_IF_ERROR(status, "signing ", name);
  BERTH_INFO("certificate signed", {"request", name}, {"signer", spec.signer_name()},
             {"user", spec.username()});
  return absl::OkStatus();
}

absl::Status SigningController::Fail(const Request& request, const std::string& why) {
  Request failed = request;
  AddCondition("Failed", "SignerValidationFailure", why, context_.clock.Now(), failed);
  const absl::Status status = context_.api.UpdateStatus(client::kSigningRequests, failed, nullptr);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace berth::controlplane
