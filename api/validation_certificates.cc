// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "api/proto/certificates/v1/certificates.pb.h"
#include "api/validation_kinds.h"

namespace berth::api::internal {
namespace {

using certificates::v1::CertificateSigningRequest;
using certificates::v1::CertificateSigningRequestCondition;

constexpr int kShortestSeconds = 600;
constexpr std::string_view kLegacySigner = "kubernetes.io/legacy-unknown";
// Conditions that stay once they are there.
constexpr std::string_view kLasting[] = {"Approved", "Denied", "Failed"};

bool IsLasting(std::string_view type) {
  for (const std::string_view lasting : kLasting) {
    if (type == lasting) return true;
  }
  return false;
}

int Count(const CertificateSigningRequest& request, std::string_view type) {
  int count = 0;
  for (const auto& condition : request.status().conditions()) count += condition.type() == type;
  return count;
}

void CheckSignerName(const std::string& name, Findings& findings) {
  const Path path("spec.signerName");
  if (name.empty()) return findings.Required(path, "");
  const size_t slash = name.find('/');
  if (slash == std::string::npos || slash + 1 == name.size()) {
    return findings.Invalid(path, name,
                            "must be a fully qualified domain and path of the form "
                            "'example.com/signer-name'");
  }
  if (name == kLegacySigner) {
    return findings.Invalid(path, name,
                            "the legacy signerName is not allowed via this API version");
  }
  const std::string domain = name.substr(0, slash);
  if (domain.find('.') == std::string::npos) {
    return findings.Invalid(path, domain,
                            "should be a domain with at least two segments separated "
                            "by dots");
  }
  findings.Check(path, domain, Dns1123SubdomainProblem(domain));
  const std::string rest = name.substr(slash + 1);
  for (const std::string_view part : base::Split(rest, '.')) {
    findings.Check(path, part, Dns1123SubdomainProblem(part));
  }
}

void CheckCondition(const CertificateSigningRequestCondition& condition, const Path& path,
                    std::set<std::string>& seen, Findings& findings) {
  if (condition.type().empty()) findings.Required(path / "type");
  if (condition.status().empty()) {
    findings.Required(path / "status");
  } else if (IsLasting(condition.type())) {
    if (condition.status() != "True") {
      findings.NotSupported(path / "status", condition.status(), {"True"});
    }
  } else {
    findings.CheckOneOf(path / "status", condition.status(), {"False", "True", "Unknown"});
  }
  if (!seen.insert(condition.type()).second) findings.Duplicate(path / "type", condition.type());
}

}  // namespace

void CheckSigningRequest(const Message& object, Findings& findings) {
  const auto& request = static_cast<const CertificateSigningRequest&>(object);
  const auto& spec = request.spec();
  if (spec.usages().empty()) findings.Required(Path("spec.usages"), "usages must be provided");
  std::set<std::string> usages;
  for (int i = 0; i < spec.usages_size(); ++i) {
    if (!usages.insert(spec.usages(i)).second) {
      findings.Duplicate(Path("spec.usages")[i], spec.usages(i));
    }
  }
  CheckSignerName(spec.signer_name(), findings);
  if (spec.has_expiration_seconds() && spec.expiration_seconds() < kShortestSeconds) {
    findings.InvalidNumber(Path("spec.expirationSeconds"), spec.expiration_seconds(),
                           "may not specify a duration less than 600 seconds (10 minutes)");
  }
  std::set<std::string> seen;
  const Path conditions("status.conditions");
  for (int i = 0; i < request.status().conditions_size(); ++i) {
    CheckCondition(request.status().conditions(i), conditions[i], seen, findings);
  }
  if (seen.contains("Approved") && seen.contains("Denied")) {
    findings.Invalid(conditions, "Denied", "Approved and Denied conditions are mutually exclusive");
  }
}

void CheckSigningRequestUpdate(const Message& object, const Message& old, Findings& findings) {
  const auto& request = static_cast<const CertificateSigningRequest&>(object);
  const auto& before = static_cast<const CertificateSigningRequest&>(old);
  for (const std::string_view type : kLasting) {
    if (Count(request, type) < Count(before, type)) {
      findings.Forbidden(Path("status.conditions"),
                         base::StrCat("updates may not remove a condition of type \"", type, "\""));
    }
  }
  const std::string& was = before.status().certificate();
  if (!was.empty() && request.status().certificate() != was) {
    findings.Forbidden(Path("status.certificate"),
                       "updates may not modify existing certificate content");
  }
}

}  // namespace berth::api::internal
