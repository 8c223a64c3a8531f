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
#include "http/x509.h"

namespace berth::agent {
namespace {

using base::StrCat;
using namespace x509;  // NOLINT: its names are what this file is about

absl::Status Fill(X509* certificate, EVP_PKEY* key, std::string_view host,
                  const std::vector<std::string>& addresses, absl::Time now) {
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate), absl::ToUnixMicros(now));
  ASN1_TIME_set(X509_getm_notBefore(certificate), absl::ToTimeT(now - absl::Hours(1)));
  ASN1_TIME_set(X509_getm_notAfter(certificate), absl::ToTimeT(now + absl::Hours(24 * 365)));
  X509_set_pubkey(certificate, key);
  const std::string name = StrCat(host, "@", absl::ToUnixSeconds(now));
  X509_NAME* subject = X509_get_subject_name(certificate);
  AddName(subject, "CN", std::string_view(name).substr(0, 64));
  X509_set_issuer_name(certificate, subject);
  std::string names = StrCat("DNS:", host);
  for (const std::string& address : addresses) base::StrAppend(names, ",IP:", address);
  RETURN_IF_ERROR(AddExtension(certificate, certificate, NID_subject_alt_name, names));
  RETURN_IF_ERROR(
      AddExtension(certificate, certificate, NID_key_usage, "critical,digitalSignature"));
  RETURN_IF_ERROR(AddExtension(certificate, certificate, NID_ext_key_usage, "serverAuth"));
  RETURN_IF_ERROR(
      AddExtension(certificate, certificate, NID_basic_constraints, "critical,CA:FALSE"));
  if (X509_sign(certificate, key, EVP_sha256()) == 0)
    return base::Internal("signing a certificate: ", OpenSslError());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CertificateAndKey> MakeSelfSigned(std::string_view host,
                                                 const std::vector<std::string>& addresses,
                                                 absl::Time now) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  if (key == nullptr || certificate == nullptr)
    return base::Internal("making a key: ", OpenSslError());
  RETURN_IF_ERROR(Fill(certificate.get(), key.get(), host, addresses, now));
  CertificateAndKey out;
  ASSIGN_OR_RETURN(out.certificate_pem,
                   WritePem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); }));
  ASSIGN_OR_RETURN(out.key_pem, WritePem([&](BIO* bio) {
                     return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0,
                                                          nullptr, nullptr);
                   }));
  return out;
}

bool IsGoodFor(const CertificateAndKey& pair, std::string_view host,
               const std::vector<std::string>& addresses, absl::Time now) {
  const auto parsed = ParseCertificate(pair.certificate_pem);
  const Key key = ParseKey(pair.key_pem);
  if (!parsed.ok() || key == nullptr) return false;
  X509* const certificate = parsed->get();
  if (X509_check_private_key(certificate, key.get()) != 1) return false;
  time_t soon = absl::ToTimeT(now + absl::Hours(24));
  if (X509_cmp_time(X509_get0_notAfter(certificate), &soon) <= 0) return false;
  if (X509_check_host(certificate, host.data(), host.size(), 0, nullptr) != 1) return false;
  for (const std::string& address : addresses) {
    if (X509_check_ip_asc(certificate, address.c_str(), 0) != 1) return false;
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
