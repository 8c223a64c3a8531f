// SPDX-License-Identifier: Apache-2.0
#include "api/proto/certificates/v1/certificates.pb.h"
#include "controlplane/tables/table.h"

namespace berth::controlplane {
namespace {

using api::certificates::v1::CertificateSigningRequest;

std::string ConditionOf(const CertificateSigningRequest& request) {
  bool approved = false, denied = false, failed = false;
  for (const auto& condition : request.status().conditions()) {
    approved |= condition.type() == "Approved";
    denied |= condition.type() == "Denied";
    failed |= condition.type() == "Failed";
  }
  std::string out = denied ? "Denied" : approved ? "Approved" : "Pending";
  if (failed) out += ",Failed";
  if (!request.status().certificate().empty()) out += ",Issued";
  return out;
}

std::vector<std::string> Row(const api::Message& object, absl::Time now) {
  const auto& request = static_cast<const CertificateSigningRequest&>(object);
  const auto& spec = request.spec();
  const std::string duration = spec.has_expiration_seconds()
                                   ? HumanDuration(absl::Seconds(spec.expiration_seconds()))
                                   : "<none>";
  return {NameCell(object),          AgeCell(object, now), TextCell(spec.signer_name()),
          TextCell(spec.username()), TextCell(duration),   TextCell(ConditionOf(request))};
}

}  // namespace

std::vector<NamedPrinter> SigningRequestPrinters() {
  return {{"certificates.k8s.io",
           "CertificateSigningRequest",
           {{{.name = "Name", .format = "name"},
             {.name = "Age"},
             {.name = "SignerName"},
             {.name = "Requestor"},
             {.name = "RequestedDuration"},
             {.name = "Condition"}},
            Row}}};
}

}  // namespace berth::controlplane
