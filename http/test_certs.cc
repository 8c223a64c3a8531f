// SPDX-License-Identifier: Apache-2.0
#include "http/test_certs.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

namespace berth::http {
namespace {

struct Free {
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(X509_NAME* p) const { X509_NAME_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

std::string Content(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

std::string Pem(X509* certificate) {
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  return Content(bio.get());
}

std::string Pem(EVP_PKEY* key) {
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return Content(bio.get());
}

void AddName(X509_NAME* name, const char* field, const std::string& value) {
  X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(value.data()),
                             static_cast<int>(value.size()), -1, 0);
}

void AddExtension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Owned<X509> Blank(EVP_PKEY* key, const X509_NAME* subject, const X509_NAME* issuer, int hours) {
  Owned<X509> out(X509_new());
  X509_set_version(out.get(), 2);
  int64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), 7);
  ASN1_INTEGER_set_int64(X509_get_serialNumber(out.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(out.get()), -3600L * 48);
  X509_gmtime_adj(X509_getm_notAfter(out.get()), 3600L * hours);
  X509_set_pubkey(out.get(), key);
  X509_set_subject_name(out.get(), subject);
  X509_set_issuer_name(out.get(), issuer);
  return out;
}

}  // namespace

struct TestCa::Rep {
  Owned<EVP_PKEY> key{EVP_EC_gen("P-256")};
  Owned<X509> certificate;
};

TestCa::TestCa(const std::string& common_name) : rep_(std::make_unique<Rep>()) {
  const Owned<X509_NAME> name(X509_NAME_new());
  AddName(name.get(), "CN", common_name);
  rep_->certificate = Blank(rep_->key.get(), name.get(), name.get(), 24 * 365);
  AddExtension(rep_->certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(rep_->certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  X509_sign(rep_->certificate.get(), rep_->key.get(), EVP_sha256());
  pem_ = Pem(rep_->certificate.get());
}

TestCa::~TestCa() = default;

TestIdentity TestCa::Sign(const std::string& common_name,
                          const std::vector<std::string>& organizations, const std::string& sans,
                          const char* usage, int hours) const {
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const Owned<X509_NAME> name(X509_NAME_new());
  for (const auto& organization : organizations) AddName(name.get(), "O", organization);
  AddName(name.get(), "CN", common_name);
  const auto certificate =
      Blank(key.get(), name.get(), X509_get_subject_name(rep_->certificate.get()), hours);
  AddExtension(certificate.get(), NID_ext_key_usage, usage);
  if (!sans.empty()) AddExtension(certificate.get(), NID_subject_alt_name, sans);
  X509_sign(certificate.get(), rep_->key.get(), EVP_sha256());
  return {Pem(certificate.get()), Pem(key.get())};
}

TestIdentity TestCa::Server(const std::string& sans, int hours) const {
  return Sign("server", {}, sans, "serverAuth", hours);
}

TestIdentity TestCa::Client(const std::string& common_name,
                            const std::vector<std::string>& organizations) const {
  return Sign(common_name, organizations, "", "clientAuth", 24);
}

}  // namespace berth::http
