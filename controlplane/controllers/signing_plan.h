// SPDX-License-Identifier: Apache-2.0
// What becomes of a CertificateSigningRequest: approved when its kind of request may be, signed by
// the rules of its signer, deleted when it is old. Pure.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_SIGNING_PLAN_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_SIGNING_PLAN_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/pki/signing_request.h"

namespace berth::api::certificates::v1 {
class CertificateSigningRequest;
}

namespace berth::controlplane {

inline constexpr std::string_view kClientSigner = "kubernetes.io/kube-apiserver-client";
inline constexpr std::string_view kKubeletClientSigner =
    "kubernetes.io/kube-apiserver-client-kubelet";
inline constexpr std::string_view kKubeletServingSigner = "kubernetes.io/kubelet-serving";

// A way to be approved unseen: for users who may create certificatesigningrequests/<subresource>.
struct Approval {
  std::string subresource;
  std::string message;  // of the condition
};

struct SigningPlan {
  enum class Action { kNothing, kApprove, kSign, kFail, kDelete };
  Action action = Action::kNothing;
  std::vector<Approval> approvals;  // of kApprove, to be tried in this order
  std::string failure;              // of kFail: what the request does against its signer's rules
  std::optional<absl::Time> look_again;  // when it will be old
};

SigningPlan PlanSigning(const api::certificates::v1::CertificateSigningRequest& request,
                        absl::Time now);

// What `asked` does against the rules of a signer, in upstream's words; "" when it is fine.
std::string SignerProblem(std::string_view signer, const SigningRequest& asked,
                          const std::vector<std::string>& usages);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_SIGNING_PLAN_H_
