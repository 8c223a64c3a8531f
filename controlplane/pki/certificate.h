// SPDX-License-Identifier: Apache-2.0
// X.509 certificates: an authority, and what it issues.
#ifndef BERTH_CONTROLPLANE_PKI_CERTIFICATE_H_
#define BERTH_CONTROLPLANE_PKI_CERTIFICATE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/pki/key.h"

namespace berth::controlplane {

// How long before it is made a certificate begins: clocks of nodes differ.
inline constexpr absl::Duration kBackdated = absl::Minutes(5);

struct CertificateRequest {
  std::string common_name;
  std::vector<std::string> organizations;
  std::vector<std::string> dns_names;
  std::vector<std::string> addresses;
  bool server = false;  // else a client's
  absl::Duration lifetime = absl::Hours(24 * 365);
};

// PEM of both.
struct KeyPair {
  std::string certificate_pem;
  std::string key_pem;
};

absl::StatusOr<KeyPair> MakeAuthority(std::string_view common_name, absl::Time now);
absl::StatusOr<KeyPair> IssueCertificate(const KeyPair& authority,
                                         const CertificateRequest& request, absl::Time now);
// The alternative names of a certificate, each as DNS name or address, and when it ends.
struct CertificateFacts {
  std::vector<std::string> names;
  absl::Time not_after;
};
absl::StatusOr<CertificateFacts> ReadCertificate(std::string_view pem);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_PKI_CERTIFICATE_H_
