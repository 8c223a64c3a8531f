// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/certificate.h"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "base/status.h"
#include "base/strings.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;

constexpr absl::Duration kBackdated = absl::Minutes(5);  // clocks of nodes differ
constexpr absl::Duration kAuthorityLifetime = absl::Hours(24 * 3650);

absl::StatusOr<Certificate> Parse(std::string_view pem) {
  Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Certificate out(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (out == nullptr) return base::InvalidArgument("not a certificate: ", OpenSslError());
  return out;
}

absl::StatusOr<std::string> ToPem(X509* certificate) {
  Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), certificate) != 1) {
    return base::Internal("writing a certificate: ", OpenSslError());
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, size);
}

void AddName(X509_NAME* name, const char* field, std::string_view value) {
  X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(value.data()),
                             static_cast<int>(value.size()), -1, 0);
}

absl::Status AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return base::Internal("certificate extension ", value, ": ", OpenSslError());
  }
  return absl::OkStatus();
}

Certificate NewCertificate(const PrivateKey& key, absl::Time from, absl::Time to) {
  Certificate out(X509_new());
  X509_set_version(out.get(), X509_VERSION_3);
  unsigned char serial[16];
  RAND_bytes(serial, sizeof serial);
  serial[0] &= 0x7f;
  std::unique_ptr<BIGNUM, Deleter<BN_free>> number(BN_bin2bn(serial, sizeof serial, nullptr));
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(out.get()));
  ASN1_TIME_set(X509_getm_notBefore(out.get()), absl::ToTimeT(from));
  ASN1_TIME_set(X509_getm_notAfter(out.get()), absl::ToTimeT(to));
  X509_set_pubkey(out.get(), key.get());
  return out;
}

absl::StatusOr<KeyPair> Finish(X509* certificate, const PrivateKey& signer, const PrivateKey& key) {
  if (X509_sign(certificate, signer.get(), EVP_sha256()) == 0) {
    return base::Internal("signing a certificate: ", OpenSslError());
  }
  KeyPair out;
  ASSIGN_OR_RETURN(out.certificate_pem, ToPem(certificate));
  ASSIGN_OR_RETURN(out.key_pem, key.ToPem());
  return out;
}

}  // namespace

absl::StatusOr<KeyPair> MakeAuthority(std::string_view common_name, absl::Time now) {
  ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::Generate());
  Certificate certificate = NewCertificate(key, now - kBackdated, now + kAuthorityLifetime);
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
  ASSIGN_OR_RETURN(const Certificate issuer, Parse(authority.certificate_pem));
  ASSIGN_OR_RETURN(const PrivateKey signer, PrivateKey::FromPem(authority.key_pem));
  ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::Generate());
  Certificate certificate = NewCertificate(key, now - kBackdated, now + request.lifetime);
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
  ASSIGN_OR_RETURN(const Certificate certificate, Parse(pem));
  CertificateFacts out;
  tm end{};
  ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end);
  out.not_after = absl::FromTM(end, absl::UTCTimeZone());
  Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) {
      out.names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                             ASN1_STRING_length(name->d.dNSName));
    } else if (name->type == GEN_IPADD) {
      char text[INET6_ADDRSTRLEN] = "";
      const int family = ASN1_STRING_length(name->d.iPAddress) == 4 ? AF_INET : AF_INET6;
      inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof text);
      out.names.emplace_back(text);
    }
  }
  return out;
}

}  // namespace berth::controlplane
