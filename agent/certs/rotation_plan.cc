// SPDX-License-Identifier: Apache-2.0
#include "agent/certs/rotation_plan.h"

#include <algorithm>

#include "api/proto/certificates/v1/certificates.pb.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using State = RequestVerdict::State;

constexpr double kEarliest = 0.7;
constexpr double kSpread = 0.2;
constexpr absl::Duration kWithoutCertificate = absl::Minutes(5);
constexpr absl::Duration kFirstRetry = absl::Seconds(2);
constexpr int kQuickRetries = 5;
constexpr absl::Duration kSlowRetry = absl::Minutes(1);
constexpr absl::Duration kFirstLook = absl::Milliseconds(100);
constexpr absl::Duration kSlowestLook = absl::Seconds(5);

}  // namespace

absl::Time RotationDeadline(const CertificateFacts& facts, double share) {
  const absl::Duration life = facts.not_after - facts.not_before;
  return facts.not_before + life * (kEarliest + kSpread * share);
}

RotationPlan PlanRotation(const RotationView& view, absl::Time now) {
  if (view.wish == nullptr) return {};
  if (view.under_way) return {RotationStep::kLook, now};
  absl::Time due = view.not_before;
  if (view.current != nullptr && Fits(*view.current, *view.wish)) {
    due = std::max(due, RotationDeadline(*view.current, view.share));
  }
  if (due <= now) return {RotationStep::kRequest, now};
  return {RotationStep::kRest, due};
}

bool IsLost(const CertificateFacts& facts, const absl::Status& last_error, absl::Time now) {
  return now >= facts.not_after + kWithoutCertificate &&
         (absl::IsUnauthenticated(last_error) || absl::IsPermissionDenied(last_error));
}

absl::Duration RetryDelay(int failures) {
  if (failures > kQuickRetries) return kSlowRetry;
  return kFirstRetry * (1 << (std::max(failures, 1) - 1));
}

absl::Duration LookDelay(absl::Duration age) {
  return std::clamp(age / 4, kFirstLook, kSlowestLook);
}

RequestVerdict JudgeRequest(const api::certificates::v1::CertificateSigningRequest& request,
                            const CertificateWish& wish, const std::string& key_pem,
                            absl::Time now) {
  const auto refused = [](std::string_view why) {
    return RequestVerdict{State::kRefused, "", std::string(why)};
  };
  if (request.spec().signer_name() != wish.signer ||
      !IsRequestOf(request.spec().request(), key_pem)) {
    return refused("a request of that name is for something else");
  }
  for (const auto& condition : request.status().conditions()) {
    if (condition.type() != "Denied" && condition.type() != "Failed") continue;
    return refused(base::StrCat("certificate signing request is ",
                                condition.type() == "Denied" ? "denied" : "failed", ", reason: \"",
                                condition.reason(), "\", message: \"", condition.message(), "\""));
  }
  const std::string& certificate = request.status().certificate();
  if (certificate.empty()) return {};
  const auto facts = ReadCertificateFacts(certificate);
  if (!facts.ok() || !IsCertificateOf(certificate, key_pem)) {
    return refused("what was issued is no certificate for our key");
  }
  if (facts->not_after <= now) return refused("the certificate that was issued has expired");
  return {State::kIssued, certificate, ""};
}

}  // namespace berth::agent
