// SPDX-License-Identifier: Apache-2.0
// PKCS#10: what somebody asks a certificate for, and the certificate that he gets. Pure.
#ifndef BERTH_CONTROLPLANE_PKI_SIGNING_REQUEST_H_
#define BERTH_CONTROLPLANE_PKI_SIGNING_REQUEST_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/pki/certificate.h"

namespace berth::controlplane {

struct SigningRequest {
  std::string common_name;
  std::vector<std::string> organizations;
  std::vector<std::string> dns_names;
  std::vector<std::string> addresses;
  int emails = 0;  // how many alternative names of these kinds
  int uris = 0;
};

// InvalidArgument when `pem` is no request.
absl::StatusOr<SigningRequest> ReadSigningRequest(std::string_view pem);

// True for "client auth" and the other usages of the certificates API.
bool IsKeyUsage(std::string_view usage);

struct SigningTerms {
  std::vector<std::string> usages;  // each IsKeyUsage
  absl::Duration lifetime;
};
// The certificate as PEM: subject, alternative names and key of the request, nothing else of it.
// InvalidArgument when the request is not signed with its own key.
absl::StatusOr<std::string> SignRequest(const KeyPair& authority, std::string_view pem,
                                        const SigningTerms& terms, absl::Time now);

// How long a certificate lives of which the request wants `requested` seconds and `longest` are
// given: no less than ten minutes when something is requested.
absl::Duration SignedLifetime(std::optional<int32_t> requested, absl::Duration longest);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_PKI_SIGNING_REQUEST_H_
