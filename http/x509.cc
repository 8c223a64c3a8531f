// SPDX-License-Identifier: Apache-2.0
#include "http/x509.h"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "base/status.h"
#include "base/strings.h"

namespace berth::x509 {
namespace {

using Extension = std::unique_ptr<X509_EXTENSION, OpenSslDeleter<X509_EXTENSION_free>>;

absl::Time TimeOf(const ASN1_TIME* time) {
  tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return absl::FromTM(parts, absl::UTCTimeZone());
}

}  // namespace

std::string OpenSslError() {
  char text[256] = "unknown";
  if (const unsigned long code = ERR_get_error(); code != 0) {
    ERR_error_string_n(code, text, sizeof text);
  }
  ERR_clear_error();
  return text;
}

Bio ReadOnlyBio(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

absl::StatusOr<Certificate> ParseCertificate(std::string_view pem) {
  const Bio bio = ReadOnlyBio(pem);
  Certificate out(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (out == nullptr) return base::InvalidArgument("not a certificate: ", OpenSslError());
  return out;
}

Key ParseKey(std::string_view pem) {
  const Bio bio = ReadOnlyBio(pem);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return key;
}

absl::StatusOr<std::string> WritePem(const std::function<int(BIO*)>& write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || write(bio.get()) != 1) {
    return base::Internal("writing PEM: ", OpenSslError());
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

absl::Time BeginOf(const X509* certificate) { return TimeOf(X509_get0_notBefore(certificate)); }
absl::Time EndOf(const X509* certificate) { return TimeOf(X509_get0_notAfter(certificate)); }

std::vector<std::string> EntriesOf(const X509_NAME* name, int nid) {
  std::vector<std::string> out;
  for (int i = -1; (i = X509_NAME_get_index_by_NID(name, nid, i)) >= 0;) {
    unsigned char* text = nullptr;
    const int size =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)));
    if (size < 0) continue;
    out.emplace_back(reinterpret_cast<char*>(text), size);
    OPENSSL_free(text);
  }
  return out;
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

}  // namespace berth::x509
