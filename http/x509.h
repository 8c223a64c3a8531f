// SPDX-License-Identifier: Apache-2.0
// OpenSSL's keys and certificates with owners, and the steps of making and reading them. For the
// .cc files that make certificates or requests for them; no public header shows these types.
#ifndef BERTH_HTTP_X509_H_
#define BERTH_HTTP_X509_H_

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace berth::x509 {

template <auto Free>
struct OpenSslDeleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, OpenSslDeleter<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, OpenSslDeleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, OpenSslDeleter<X509_free>>;
using SubjectNames = std::unique_ptr<GENERAL_NAMES, OpenSslDeleter<GENERAL_NAMES_free>>;

// What OpenSSL has to say about the last failure of this thread; takes it off its queue.
std::string OpenSslError();
Bio ReadOnlyBio(std::string_view text);
absl::StatusOr<Certificate> ParseCertificate(std::string_view pem);
// Null for what is no private key.
Key ParseKey(std::string_view pem);
// What one of OpenSSL's PEM_write_bio functions writes.
absl::StatusOr<std::string> WritePem(const std::function<int(BIO*)>& write);

// Version 3, a random serial number, this public key.
Certificate NewCertificate(EVP_PKEY* key, absl::Time from, absl::Time to);
void AddName(X509_NAME* name, const char* field, std::string_view value);
// `value` as OpenSSL's configuration writes it.
absl::Status AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value);

absl::Time BeginOf(const X509* certificate);
absl::Time EndOf(const X509* certificate);
// All values of one kind, such as NID_organizationName.
std::vector<std::string> EntriesOf(const X509_NAME* name, int nid);
// DNS names and addresses among alternative names, each as text; `names` may be null.
std::vector<std::string> DnsNamesOf(const GENERAL_NAMES* names);
std::vector<std::string> AddressesOf(const GENERAL_NAMES* names);

}  // namespace berth::x509

#endif  // BERTH_HTTP_X509_H_
