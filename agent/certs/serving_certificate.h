// SPDX-License-Identifier: Apache-2.0
// The certificate that :10250 shows: the configured files, else a self-signed one that is kept in
// the certificate directory.
#ifndef BERTH_AGENT_CERTS_SERVING_CERTIFICATE_H_
#define BERTH_AGENT_CERTS_SERVING_CERTIFICATE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace berth::agent {

struct CertificateAndKey {
  std::string certificate_pem, key_pem;
};

// An ECDSA P-256 key and a certificate for a year that names `host` and `addresses`.
absl::StatusOr<CertificateAndKey> MakeSelfSigned(std::string_view host,
                                                 const std::vector<std::string>& addresses,
                                                 absl::Time now);

// kubelet.crt and kubelet.key of `directory`; made (0600) when absent, about to expire, or not
// naming what they should.
absl::StatusOr<CertificateAndKey> LoadOrMakeSelfSigned(const std::string& directory,
                                                       std::string_view host,
                                                       const std::vector<std::string>& addresses,
                                                       absl::Time now);

// Both files as they are.
absl::StatusOr<CertificateAndKey> LoadCertificate(const std::string& certificate_file,
                                                  const std::string& key_file);

// Whether the certificate names all of these and lives for another day.
bool IsGoodFor(const CertificateAndKey& certificate, std::string_view host,
               const std::vector<std::string>& addresses, absl::Time now);

}  // namespace berth::agent

#endif  // BERTH_AGENT_CERTS_SERVING_CERTIFICATE_H_
