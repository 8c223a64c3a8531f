// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/x509_parts.h"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "base/status.h"
#include "base/strings.h"
#include "controlplane/pki/key.h"

namespace berth::controlplane {
namespace {

using Extension = std::unique_ptr<X509_EXTENSION, OpenSslDeleter<X509_EXTENSION_free>>;

}  // namespace

Bio ReadOnlyBio(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

absl::StatusOr<Certificate> ParseCertificate(std::string_view pem) {
  const Bio bio = ReadOnlyBio(pem);
  Certificate out(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (out == nullptr) return base::InvalidArgument("not a certificate: ", OpenSslError());
  return out;
}

absl::StatusOr<std::string> CertificateToPem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
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
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return base::Internal("certificate extension ", value, ": ", OpenSslError());
  }
  return absl::OkStatus();
}

Certificate NewCertificate(EVP_PKEY* key, absl::Time from, absl::Time to) {
  Certificate out(X509_new());
  X509_set_version(out.get(), X509_VERSION_3);
  unsigned char serial[16];
  RAND_bytes(serial, sizeof serial);
  serial[0] &= 0x7f;
  const std::unique_ptr<BIGNUM, OpenSslDeleter<BN_free>> number(
      BN_bin2bn(serial, sizeof serial, nullptr));
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(out.get()));
  ASN1_TIME_set(X509_getm_notBefore(out.get()), absl::ToTimeT(from));
  ASN1_TIME_set(X509_getm_notAfter(out.get()), absl::ToTimeT(to));
  X509_set_pubkey(out.get(), key);
  return out;
}

absl::Time EndOf(const X509* certificate) {
  tm end{};
  ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end);
  return absl::FromTM(end, absl::UTCTimeZone());
}

std::vector<std::string> DnsNamesOf(const GENERAL_NAMES* names) {
  std::vector<std::string> out;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS) continue;
    out.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                     ASN1_STRING_length(name->d.dNSName));
  }
  return out;
}

std::vector<std::string> AddressesOf(const GENERAL_NAMES* names) {
  std::vector<std::string> out;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_IPADD) continue;
    const int size = ASN1_STRING_length(name->d.iPAddress);
    if (size != 4 && size != 16) continue;
    char text[INET6_ADDRSTRLEN] = "";
    inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), text,
              sizeof text);
    out.emplace_back(text);
  }
  return out;
}

}  // namespace berth::controlplane
