// SPDX-License-Identifier: Apache-2.0
// Inside pki/: OpenSSL's certificates with owners, and the steps that making one is made of.
#ifndef BERTH_CONTROLPLANE_PKI_X509_PARTS_H_
#define BERTH_CONTROLPLANE_PKI_X509_PARTS_H_

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace berth::controlplane {

template <auto Free>
struct OpenSslDeleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, OpenSslDeleter<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, OpenSslDeleter<X509_free>>;
using SubjectNames = std::unique_ptr<GENERAL_NAMES, OpenSslDeleter<GENERAL_NAMES_free>>;

Bio ReadOnlyBio(std::string_view text);
absl::StatusOr<Certificate> ParseCertificate(std::string_view pem);
absl::StatusOr<std::string> CertificateToPem(X509* certificate);

// Version 3, a random serial number, this public key.
Certificate NewCertificate(EVP_PKEY* key, absl::Time from, absl::Time to);
void AddName(X509_NAME* name, const char* field, std::string_view value);
// `value` as OpenSSL's configuration writes it.
absl::Status AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value);

absl::Time EndOf(const X509* certificate);
// DNS names and addresses among alternative names, each as text; `names` may be null.
std::vector<std::string> DnsNamesOf(const GENERAL_NAMES* names);
std::vector<std::string> AddressesOf(const GENERAL_NAMES* names);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_PKI_X509_PARTS_H_
