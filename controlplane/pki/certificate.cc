// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/status.h"
#include "base/strings.h"
#include "http/x509.h"

namespace berth::controlplane {
namespace {

using namespace x509;  // NOLINT: its names are what this file is about

using base::StrCat;

constexpr absl::Duration kAuthorityLifetime = absl::Hours(24 * 3650);

absl::StatusOr<KeyPair> Finish(X509* certificate, const PrivateKey& signer, const PrivateKey& key) {
  if (X509_sign(certificate, signer.get(), EVP_sha256()) == 0) {
    return base::Internal("signing a certificate: ", OpenSslError());
  }
  KeyPair out;
  ASSIGN_OR_RETURN(out.certificate_pem,
                   WritePem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); }));
  ASSIGN_OR_RETURN(out.key_pem, key.ToPem());
  return out;
}

}  // namespace

absl::StatusOr<KeyPair> MakeAuthority(std::string_view common_name, absl::Time now) {
  ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::Generate());
  const Certificate certificate =
      NewCertificate(key.get(), now - kBackdated, now + kAuthorityLifetime);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  AddName(name, "CN", common_name);
  X509_set_issuer_name(certificate.get(), name);
  X509* raw = certificate.get();
  RETURN_IF_ERROR(AddExtension(raw, raw, NID_basic_constraints, "critical,CA:TRUE"));
  RETURN_IF_ERROR(AddExtension(raw, raw, NID_key_usage,
                               "critical,digitalSignature,keyEncipherment,keyCertSign"));
  RETURN_IF_ERROR(AddExtension(raw, raw, NID_subject_key_identifier, "hash"));
  return Finish(raw, key, key);
}

absl::StatusOr<KeyPair> IssueCertificate(const KeyPair& authority,
                                         const CertificateRequest& request, absl::Time now) {
  ASSIGN_OR_RETURN(const Certificate issuer, ParseCertificate(authority.certificate_pem));
  ASSIGN_OR_RETURN(const PrivateKey signer, PrivateKey::FromPem(authority.key_pem));
  ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::Generate());
  const Certificate certificate =
      NewCertificate(key.get(), now - kBackdated, now + request.lifetime);
  X509* raw = certificate.get();
  X509_NAME* name = X509_get_subject_name(raw);
  for (const std::string& organization : request.organizations) AddName(name, "O", organization);
  AddName(name, "CN", request.common_name);
  X509_set_issuer_name(raw, X509_get_subject_name(issuer.get()));
  RETURN_IF_ERROR(AddExtension(raw, issuer.get(), NID_basic_constraints, "critical,CA:FALSE"));
  RETURN_IF_ERROR(
      AddExtension(raw, issuer.get(), NID_key_usage, "critical,digitalSignature,keyEncipherment"));
  RETURN_IF_ERROR(AddExtension(raw, issuer.get(), NID_ext_key_usage,
                               request.server ? "serverAuth" : "clientAuth"));
  RETURN_IF_ERROR(AddExtension(raw, issuer.get(), NID_authority_key_identifier, "keyid"));
  std::vector<std::string> names;
  for (const std::string& dns : request.dns_names) names.push_back(StrCat("DNS:", dns));
  for (const std::string& address : request.addresses) names.push_back(StrCat("IP:", address));
  if (!names.empty()) {
    RETURN_IF_ERROR(AddExtension(raw, issuer.get(), NID_subject_alt_name, base::Join(names, ",")));
  }
  return Finish(raw, signer, key);
}

absl::StatusOr<CertificateFacts> ReadCertificate(std::string_view pem) {
  ASSIGN_OR_RETURN(const Certificate certificate, ParseCertificate(pem));
  CertificateFacts out;
  out.not_after = EndOf(certificate.get());
  const SubjectNames names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  out.names = DnsNamesOf(names.get());
  for (std::string& address : AddressesOf(names.get())) out.names.push_back(std::move(address));
  return out;
}

}  // namespace berth::controlplane
