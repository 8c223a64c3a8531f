// SPDX-License-Identifier: Apache-2.0
// Carries CertificateSigningRequests through: approves those of nodes whose senders may have it,
// signs what is approved, deletes what is old.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_SIGNING_CONTROLLER_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_SIGNING_CONTROLLER_H_

#include <string>

#include "absl/status/statusor.h"
#include "controlplane/controllers/context.h"
#include "controlplane/controllers/objects_fwd.h"
#include "controlplane/controllers/signing_plan.h"

namespace berth::controlplane {

class SigningController : public Controller {
 public:
  explicit SigningController(Context& context);
  void Begin() override;

 private:
  using Request = api::certificates::v1::CertificateSigningRequest;

  absl::Status Sync(const std::string& name);
  absl::Status Approve(const Request& request, const SigningPlan& plan);
  absl::StatusOr<bool> SenderMay(const Request& request, const std::string& subresource);
  absl::Status Sign(const Request& request);
  absl::Status Fail(const Request& request, const std::string& why);

  Context& context_;
  SyncQueue queue_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_SIGNING_CONTROLLER_H_
