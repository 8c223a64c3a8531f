// SPDX-License-Identifier: Apache-2.0
// The certificates that a node asks its cluster for, and the requests for them. Pure, but for the
// making of keys.
#ifndef BERTH_AGENT_CERTS_CERTIFICATE_WISH_H_
#define BERTH_AGENT_CERTS_CERTIFICATE_WISH_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace berth::agent {

struct CertificateWish {
  std::string signer;
  std::string common_name;
  std::vector<std::string> organizations, dns_names, addresses, usages;
  bool operator==(const CertificateWish&) const = default;
};

// With which the node calls the API server.
CertificateWish NodeClientWish(std::string_view node);
// What the node shows on :10250.
CertificateWish NodeServingWish(std::string_view node, std::vector<std::string> dns_names,
                                std::vector<std::string> addresses);

absl::StatusOr<std::string> MakeKeyPem();  // ECDSA, P-256
// A signed PKCS#10 request as PEM.
absl::StatusOr<std::string> MakeRequestPem(const std::string& key_pem, const CertificateWish& wish);
// Text that is the same for the same key and wish and no other: a name for the request, so that
// one who asks again after a crash finds what he asked for.
absl::StatusOr<std::string> RequestDigest(const std::string& key_pem, const CertificateWish& wish);
// True when the PEM request or certificate is for the public part of this key.
bool IsRequestOf(const std::string& request_pem, const std::string& key_pem);
bool IsCertificateOf(const std::string& certificate_pem, const std::string& key_pem);

// What a certificate says; InvalidArgument when it is none.
struct CertificateFacts {
  absl::Time not_before, not_after;
  std::string common_name;
  std::vector<std::string> organizations, dns_names, addresses;
};
absl::StatusOr<CertificateFacts> ReadCertificateFacts(const std::string& pem);
// Whether a certificate stands for all that is wished for.
bool Fits(const CertificateFacts& facts, const CertificateWish& wish);

}  // namespace berth::agent

#endif  // BERTH_AGENT_CERTS_CERTIFICATE_WISH_H_
