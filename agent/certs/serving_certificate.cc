// SPDX-License-Identifier: Apache-2.0
#include "agent/certs/serving_certificate.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <memory>

#include "agent/certs/pem_file.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using base::StrCat;

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;

absl::Status CryptoError(std::string_view what) {
  return base::Internal("OpenSSL failed at ", what);
}

absl::Status AddExtension(X509* certificate, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_nconf_nid(nullptr, &context, id, value.c_str()));
  if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return CryptoError("a certificate extension");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> PemOf(const std::function<int(BIO*)>& write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || write(bio.get()) != 1) return CryptoError("writing PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

absl::Status Fill(X509* certificate, EVP_PKEY* key, std::string_view host,
                  const std::vector<std::string>& addresses, absl::Time now) {
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate), absl::ToUnixMicros(now));
  ASN1_TIME_set(X509_getm_notBefore(certificate), absl::ToTimeT(now - absl::Hours(1)));
  ASN1_TIME_set(X509_getm_notAfter(certificate), absl::ToTimeT(now + absl::Hours(24 * 365)));
  X509_set_pubkey(certificate, key);
  const std::string name = StrCat(host, "@", absl::ToUnixSeconds(now));
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.data()),
                             static_cast<int>(std::min<size_t>(name.size(), 64)), -1, 0);
  X509_set_issuer_name(certificate, subject);
  std::string names = StrCat("DNS:", host);
  for (const std::string& address : addresses) base::StrAppend(names, ",IP:", address);
  RETURN_IF_ERROR(AddExtension(certificate, NID_subject_alt_name, names));
  RETURN_IF_ERROR(AddExtension(certificate, NID_key_usage, "critical,digitalSignature"));
  RETURN_IF_ERROR(AddExtension(certificate, NID_ext_key_usage, "serverAuth"));
  RETURN_IF_ERROR(AddExtension(certificate, NID_basic_constraints, "critical,CA:FALSE"));
  if (X509_sign(certificate, key, EVP_sha256()) == 0) return CryptoError("signing");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CertificateAndKey> MakeSelfSigned(std::string_view host,
                                                 const std::vector<std::string>& addresses,
                                                 absl::Time now) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  if (key == nullptr || certificate == nullptr) return CryptoError("making a key");
  RETURN_IF_ERROR(Fill(certificate.get(), key.get(), host, addresses, now));
  CertificateAndKey out;
  ASSIGN_OR_RETURN(out.certificate_pem,
                   PemOf([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); }));
  ASSIGN_OR_RETURN(out.key_pem, PemOf([&](BIO* bio) {
                     return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0,
                                                          nullptr, nullptr);
                   }));
  return out;
}

bool IsGoodFor(const CertificateAndKey& pair, std::string_view host,
               const std::vector<std::string>& addresses, absl::Time now) {
  const Bio bio(
      BIO_new_mem_buf(pair.certificate_pem.data(), static_cast<int>(pair.certificate_pem.size())));
  const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  const Bio key_bio(BIO_new_mem_buf(pair.key_pem.data(), static_cast<int>(pair.key_pem.size())));
  const Key key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr || key == nullptr) return false;
  if (X509_check_private_key(certificate.get(), key.get()) != 1) return false;
  time_t soon = absl::ToTimeT(now + absl::Hours(24));
  if (X509_cmp_time(X509_get0_notAfter(certificate.get()), &soon) <= 0) return false;
  if (X509_check_host(certificate.get(), host.data(), host.size(), 0, nullptr) != 1) return false;
  for (const std::string& address : addresses) {
    if (X509_check_ip_asc(certificate.get(), address.c_str(), 0) != 1) return false;
  }
  return true;
}

absl::StatusOr<CertificateAndKey> LoadCertificate(const std::string& certificate_file,
                                                  const std::string& key_file) {
  CertificateAndKey out;
  ASSIGN_OR_RETURN(out.certificate_pem, ReadPemFile(certificate_file));
  ASSIGN_OR_RETURN(out.key_pem, ReadPemFile(key_file));
  return out;
}

absl::StatusOr<CertificateAndKey> LoadOrMakeSelfSigned(const std::string& directory,
                                                       std::string_view host,
                                                       const std::vector<std::string>& addresses,
                                                       absl::Time now) {
  const std::string certificate_file = directory + "/kubelet.crt";
  const std::string key_file = directory + "/kubelet.key";
  auto kept = LoadCertificate(certificate_file, key_file);
  if (kept.ok() && IsGoodFor(*kept, host, addresses, now)) return kept;
  ASSIGN_OR_RETURN(CertificateAndKey made, MakeSelfSigned(host, addresses, now));
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return base::FromErrno(error.value(), directory);
  if (chmod(directory.c_str(), 0700) != 0) return base::FromErrno(errno, directory);
  RETURN_IF_ERROR(WritePemFile(key_file, made.key_pem));
  RETURN_IF_ERROR(WritePemFile(certificate_file, made.certificate_pem));
  return made;
}

}  // namespace berth::agent
