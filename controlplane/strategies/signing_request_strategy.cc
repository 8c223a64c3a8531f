// SPDX-License-Identifier: Apache-2.0
// CertificateSigningRequests: who asks is what the server knows about the caller, and what is asked
// for does not change any more.
#include <algorithm>

#include "api/proto/certificates/v1/certificates.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/pki/signing_request.h"
#include "controlplane/strategies/strategies.h"

namespace berth::controlplane {
namespace {

using api::certificates::v1::CertificateSigningRequest;
using base::StrCat;

constexpr std::string_view kClientSigner = "kubernetes.io/kube-apiserver-client";

ErrorSubject Subject(const CertificateSigningRequest& object) {
  return {"certificates.k8s.io", "certificatesigningrequests", "CertificateSigningRequest",
          object.metadata().name()};
}

absl::Status CheckUsages(const CertificateSigningRequest& object) {
  std::vector<ErrorCause> causes;
  for (int i = 0; i < object.spec().usages_size(); ++i) {
    const std::string& usage = object.spec().usages(i);
    if (IsKeyUsage(usage)) continue;
    causes.push_back({"FieldValueNotSupported", StrCat("Unsupported value: \"", usage, "\""),
                      StrCat("spec.usages[", i, "]")});
  }
  return causes.empty() ? absl::OkStatus() : InvalidError(Subject(object), causes);
}

class SigningRequestStrategy : public Strategy {
 public:
  absl::Status PrepareForCreate(const WriteContext& context, api::Message& object) override {
    auto& request = static_cast<CertificateSigningRequest&>(object);
    auto& spec = *request.mutable_spec();
    spec.set_username(context.user.name);
    spec.clear_uid();
    if (!context.user.uid.empty()) spec.set_uid(context.user.uid);
    spec.clear_groups();
    for (const std::string& group : context.user.groups) spec.add_groups(group);
    spec.clear_extra();
    for (const auto& [key, values] : context.user.extra) {
      for (const std::string& value : values) (*spec.mutable_extra())[key].add_items(value);
    }
    const auto asked = ReadSigningRequest(spec.request());
    if (!asked.ok()) {
      return InvalidError(
          Subject(request),
          {{"FieldValueInvalid",
            StrCat("Invalid value: unable to parse csr: ", base::Message(asked.status())),
            "spec.request"}});
    }
    RETURN_IF_ERROR(CheckUsages(request));
    const auto& groups = asked->organizations;
    if (spec.signer_name() == kClientSigner &&
        std::find(groups.begin(), groups.end(), kMasters) != groups.end()) {
      return ForbiddenError(Subject(request), StrCat("use of ", kClientSigner, " signer with ",
                                                     kMasters, " group is not allowed"));
    }
    return absl::OkStatus();
  }

  absl::Status PrepareForUpdate(const WriteContext&, const api::Message& old,
                                api::Message& object) override {
    *static_cast<CertificateSigningRequest&>(object).mutable_spec() =
        static_cast<const CertificateSigningRequest&>(old).spec();
    return absl::OkStatus();
  }
};

}  // namespace

std::unique_ptr<Strategy> MakeSigningRequestStrategy() {
  return std::make_unique<SigningRequestStrategy>();
}

}  // namespace berth::controlplane
