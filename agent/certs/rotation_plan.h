// SPDX-License-Identifier: Apache-2.0
// When a certificate is asked for anew, and what a look at the request means. Pure.
#ifndef BERTH_AGENT_CERTS_ROTATION_PLAN_H_
#define BERTH_AGENT_CERTS_ROTATION_PLAN_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/certs/certificate_wish.h"

namespace berth::api::certificates::v1 {
class CertificateSigningRequest;
}

namespace berth::agent {

// What is known when the plan is made.
struct RotationView {
  const CertificateWish* wish = nullptr;      // null: it is not known yet what to ask for
  const CertificateFacts* current = nullptr;  // null: there is no certificate
  double share = 0;                           // 0 to 1, drawn once per certificate
  bool under_way = false;                     // a request was sent and has no answer yet
  absl::Time not_before;                      // when the next attempt may be made
};

enum class RotationStep {
  kRest,     // until `when`, or until the wish changes
  kRequest,  // send a request
  kLook,     // see what became of the one that was sent
};
struct RotationPlan {
  RotationStep step = RotationStep::kRest;
  absl::Time when = absl::InfiniteFuture();
};
RotationPlan PlanRotation(const RotationView& view, absl::Time now);

// A point between 70 % and 90 % of a certificate's life.
absl::Time RotationDeadline(const CertificateFacts& facts, double share);

// A certificate that cannot be renewed with itself any more: it ended minutes ago, and the server
// answers and refuses. A server that is away says nothing about it.
bool IsLost(const CertificateFacts& facts, const absl::Status& last_error, absl::Time now);

// How long after the n-th failure in a row (1, 2, ...) the next attempt is made.
absl::Duration RetryDelay(int failures);
// How long until a request of this age is looked at again.
absl::Duration LookDelay(absl::Duration age);

struct RequestVerdict {
  enum class State { kWaiting, kIssued, kRefused };
  State state = State::kWaiting;
  std::string certificate_pem;
  std::string why;  // of kRefused
};
// `key_pem` is the key that the request was made with; a request of another key, or a certificate
// that has ended, is refused.
RequestVerdict JudgeRequest(const api::certificates::v1::CertificateSigningRequest& request,
                            const CertificateWish& wish, const std::string& key_pem,
                            absl::Time now);

}  // namespace berth::agent

#endif  // BERTH_AGENT_CERTS_ROTATION_PLAN_H_
