// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/signing_request.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "controlplane/pki/key.h"
#include "http/x509.h"

namespace berth::controlplane {
namespace {

using namespace x509;  // NOLINT: its names are what this file is about

using Request = std::unique_ptr<X509_REQ, OpenSslDeleter<X509_REQ_free>>;

void FreeExtensions(STACK_OF(X509_EXTENSION) * stack) {
  sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free);
}

constexpr absl::Duration kShort = absl::Hours(8);
constexpr absl::Duration kShortestRequested = absl::Minutes(10);

// A usage of the API, and what OpenSSL calls it.
struct Usage {
  std::string_view name;
  std::string_view openssl;
  bool extended;
};
constexpr Usage kUsages[] = {
    {"signing", "digitalSignature", false},
    {"digital signature", "digitalSignature", false},
    {"content commitment", "nonRepudiation", false},
    {"key encipherment", "keyEncipherment", false},
    {"key agreement", "keyAgreement", false},
    {"data encipherment", "dataEncipherment", false},
    {"cert sign", "keyCertSign", false},
    {"crl sign", "cRLSign", false},
    {"encipher only", "encipherOnly", false},
    {"decipher only", "decipherOnly", false},
    {"any", "anyExtendedKeyUsage", true},
    {"server auth", "serverAuth", true},
    {"client auth", "clientAuth", true},
    {"code signing", "codeSigning", true},
    {"email protection", "emailProtection", true},
    {"s/mime", "emailProtection", true},
    {"ipsec end system", "ipsecEndSystem", true},
    {"ipsec tunnel", "ipsecTunnel", true},
    {"ipsec user", "ipsecUser", true},
    {"timestamping", "timeStamping", true},
    {"ocsp signing", "OCSPSigning", true},
    {"microsoft sgc", "msSGC", true},
    {"netscape sgc", "nsSGC", true},
};

absl::StatusOr<Request> Parse(std::string_view pem) {
  const Bio bio = ReadOnlyBio(pem);
  Request out(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  if (out == nullptr) {
    OpenSslError();  // takes it off the queue; its text says less
    return base::InvalidArgument("PEM block type must be CERTIFICATE REQUEST");
  }
  return out;
}

SubjectNames NamesOf(X509_REQ* request) {
  const std::unique_ptr<STACK_OF(X509_EXTENSION), OpenSslDeleter<FreeExtensions>> extensions(
      X509_REQ_get_extensions(request));
  return SubjectNames(static_cast<GENERAL_NAMES*>(
      X509V3_get_d2i(extensions.get(), NID_subject_alt_name, nullptr, nullptr)));
}

int Count(const GENERAL_NAMES* names, int type) {
  int count = 0;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    if (sk_GENERAL_NAME_value(names, i)->type == type) ++count;
  }
  return count;
}

std::string OpenSslUsages(const std::vector<std::string>& usages, bool extended) {
  std::vector<std::string_view> found;
  for (const Usage& usage : kUsages) {
    if (usage.extended != extended) continue;
    const bool wanted = std::find(usages.begin(), usages.end(), usage.name) != usages.end();
    const bool there = std::find(found.begin(), found.end(), usage.openssl) != found.end();
    if (wanted && !there) found.push_back(usage.openssl);
  }
  return base::Join(found, ",");
}

absl::Status AddUsages(X509* certificate, X509* issuer, const std::vector<std::string>& usages) {
  const std::string plain = OpenSslUsages(usages, /*extended=*/false);
  const std::string extended = OpenSslUsages(usages, /*extended=*/true);
  if (!plain.empty()) {
    RETURN_IF_ERROR(
        AddExtension(certificate, issuer, NID_key_usage, base::StrCat("critical,", plain)));
  }
  if (extended.empty()) return absl::OkStatus();
  return AddExtension(certificate, issuer, NID_ext_key_usage, extended);
}

}  // namespace

bool IsKeyUsage(std::string_view usage) {
  return std::any_of(std::begin(kUsages), std::end(kUsages),
                     [usage](const Usage& known) { return known.name == usage; });
}

absl::StatusOr<SigningRequest> ReadSigningRequest(std::string_view pem) {
  ASSIGN_OR_RETURN(const Request request, Parse(pem));
  SigningRequest out;
  const X509_NAME* subject = X509_REQ_get_subject_name(request.get());
  auto names = EntriesOf(subject, NID_commonName);
  if (!names.empty()) out.common_name = std::move(names.back());
  out.organizations = EntriesOf(subject, NID_organizationName);
  const SubjectNames alternative = NamesOf(request.get());
  out.dns_names = DnsNamesOf(alternative.get());
  out.addresses = AddressesOf(alternative.get());
  out.emails = Count(alternative.get(), GEN_EMAIL);
  out.uris = Count(alternative.get(), GEN_URI);
  return out;
}

absl::StatusOr<std::string> SignRequest(const KeyPair& authority, std::string_view pem,
                                        const SigningTerms& terms, absl::Time now) {
  ASSIGN_OR_RETURN(const Request request, Parse(pem));
  ASSIGN_OR_RETURN(const Certificate issuer, ParseCertificate(authority.certificate_pem));
  ASSIGN_OR_RETURN(const PrivateKey signer, PrivateKey::FromPem(authority.key_pem));
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || X509_REQ_verify(request.get(), key) != 1) {
    OpenSslError();
    return base::InvalidArgument("unable to verify certificate request signature");
  }
  // What begins earlier than it is made also ends earlier, unless it would end too soon.
  const absl::Duration until =
      terms.lifetime < kShort ? terms.lifetime : terms.lifetime - kBackdated;
  const Certificate certificate =
      NewCertificate(key, now - kBackdated, std::min(now + until, EndOf(issuer.get())));
  X509* raw = certificate.get();
  X509_set_subject_name(raw, X509_REQ_get_subject_name(request.get()));
  X509_set_issuer_name(raw, X509_get_subject_name(issuer.get()));
  RETURN_IF_ERROR(AddUsages(raw, issuer.get(), terms.usages));
  RETURN_IF_ERROR(AddExtension(raw, issuer.get(), NID_basic_constraints, "critical,CA:FALSE"));
  RETURN_IF_ERROR(AddExtension(raw, issuer.get(), NID_authority_key_identifier, "keyid"));
  if (const SubjectNames names = NamesOf(request.get());
      names != nullptr &&
      X509_add1_ext_i2d(raw, NID_subject_alt_name, names.get(), /*crit=*/0, 0) != 1) {
    return base::Internal("alternative names of a certificate: ", OpenSslError());
  }
  if (X509_sign(raw, signer.get(), EVP_sha256()) == 0) {
    return base::Internal("signing a certificate: ", OpenSslError());
  }
  return WritePem([raw](BIO* bio) { return PEM_write_bio_X509(bio, raw); });
}

absl::Duration SignedLifetime(std::optional<int32_t> requested, absl::Duration longest) {
  if (!requested.has_value()) return longest;
  return std::min(std::max(absl::Seconds(*requested), kShortestRequested), longest);
}

}  // namespace berth::controlplane
