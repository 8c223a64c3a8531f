// SPDX-License-Identifier: Apache-2.0
#include "agent/certs/certificate_wish.h"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <set>

#include "absl/strings/escaping.h"
#include "base/status.h"
#include "base/strings.h"
#include "http/x509.h"

namespace berth::agent {
namespace {

using base::StrCat;

using namespace x509;  // NOLINT: its names are what this file is about
using Request = std::unique_ptr<X509_REQ, OpenSslDeleter<X509_REQ_free>>;

void FreeExtensions(STACK_OF(X509_EXTENSION) * stack) {
  sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free);
}
using Extensions = std::unique_ptr<STACK_OF(X509_EXTENSION), OpenSslDeleter<FreeExtensions>>;

absl::Status CryptoError(std::string_view what) {
  return base::Internal("OpenSSL failed at ", what, ": ", OpenSslError());
}

absl::Status AddAlternativeNames(X509_REQ* request, const CertificateWish& wish) {
  std::vector<std::string> names;
  for (const std::string& name : wish.dns_names) names.push_back(StrCat("DNS:", name));
  for (const std::string& address : wish.addresses) names.push_back(StrCat("IP:", address));
  if (names.empty()) return absl::OkStatus();
  const std::string text = base::Join(names, ",");
  X509_EXTENSION* extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, text.c_str());
  if (extension == nullptr) return CryptoError(StrCat("alternative names ", text));
  const Extensions all(sk_X509_EXTENSION_new_null());
  sk_X509_EXTENSION_push(all.get(), extension);
  if (X509_REQ_add_extensions(request, all.get()) != 1) return CryptoError("a request's names");
  return absl::OkStatus();
}

// One spelling for an address.
std::string Canonical(const std::string& address) {
  unsigned char bytes[16];
  char text[INET6_ADDRSTRLEN] = "";
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, address.c_str(), bytes) == 1) {
      return inet_ntop(family, bytes, text, sizeof text);
    }
  }
  return address;
}

template <class Texts>
bool Contains(const Texts& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

CertificateWish NodeClientWish(std::string_view node) {
  CertificateWish wish;
  wish.signer = "kubernetes.io/kube-apiserver-client-kubelet";
  wish.common_name = StrCat("system:node:", node);
  wish.organizations = {"system:nodes"};
  wish.usages = {"digital signature", "client auth"};
  return wish;
}

CertificateWish NodeServingWish(std::string_view node, std::vector<std::string> dns_names,
                                std::vector<std::string> addresses) {
  CertificateWish wish = NodeClientWish(node);
  wish.signer = "kubernetes.io/kubelet-serving";
  std::sort(dns_names.begin(), dns_names.end());
  std::sort(addresses.begin(), addresses.end());
  wish.dns_names = std::move(dns_names);
  wish.addresses = std::move(addresses);
  wish.usages = {"digital signature", "server auth"};
  return wish;
}

absl::StatusOr<std::string> MakeKeyPem() {
  const Key key(EVP_EC_gen("P-256"));
  if (key == nullptr) return CryptoError("making a key");
  return WritePem([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

absl::StatusOr<std::string> MakeRequestPem(const std::string& key_pem,
                                           const CertificateWish& wish) {
  const Key key = ParseKey(key_pem);
  if (key == nullptr) return base::InvalidArgument("not a private key");
  const Request request(X509_REQ_new());
  X509_NAME* subject = X509_REQ_get_subject_name(request.get());
  for (const std::string& organization : wish.organizations) AddName(subject, "O", organization);
  AddName(subject, "CN", wish.common_name);
  X509_REQ_set_pubkey(request.get(), key.get());
  RETURN_IF_ERROR(AddAlternativeNames(request.get(), wish));
  if (X509_REQ_sign(request.get(), key.get(), EVP_sha256()) == 0) {
    return CryptoError("signing a request");
  }
  return WritePem([&](BIO* bio) { return PEM_write_bio_X509_REQ(bio, request.get()); });
}

absl::StatusOr<std::string> RequestDigest(const std::string& key_pem, const CertificateWish& wish) {
  const Key key = ParseKey(key_pem);
  if (key == nullptr) return base::InvalidArgument("not a private key");
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  if (size <= 0) return CryptoError("writing a public key");
  std::string text(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  base::StrAppend(text, "|", wish.signer, "|", wish.common_name);
  for (const auto* list : {&wish.organizations, &wish.dns_names, &wish.addresses, &wish.usages}) {
    base::StrAppend(text, "|", base::Join(*list, ","));
  }
  unsigned char digest[SHA512_DIGEST_LENGTH];
  SHA512(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  std::string out = absl::WebSafeBase64Escape(
      absl::string_view(reinterpret_cast<char*>(digest), SHA512_DIGEST_LENGTH / 2));
  while (out.ends_with('=')) out.pop_back();
  return out;
}

bool IsRequestOf(const std::string& request_pem, const std::string& key_pem) {
  const Key key = ParseKey(key_pem);
  const Bio bio = ReadOnlyBio(request_pem);
  const Request request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  const bool same = key != nullptr && request != nullptr &&
                    X509_REQ_check_private_key(request.get(), key.get()) == 1;
  ERR_clear_error();
  return same;
}

bool IsCertificateOf(const std::string& certificate_pem, const std::string& key_pem) {
  const Key key = ParseKey(key_pem);
  const Bio bio = ReadOnlyBio(certificate_pem);
  const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  const bool same = key != nullptr && certificate != nullptr &&
                    X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  return same;
}

absl::StatusOr<CertificateFacts> ReadCertificateFacts(const std::string& pem) {
  ASSIGN_OR_RETURN(const Certificate certificate, ParseCertificate(pem));
  CertificateFacts out;
  out.not_before = BeginOf(certificate.get());
  out.not_after = EndOf(certificate.get());
  const X509_NAME* subject = X509_get_subject_name(certificate.get());
  auto names = EntriesOf(subject, NID_commonName);
  if (!names.empty()) out.common_name = std::move(names.back());
  out.organizations = EntriesOf(subject, NID_organizationName);
  const SubjectNames alternative(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (std::string& name : DnsNamesOf(alternative.get())) out.dns_names.emplace_back(name);
  for (std::string& address : AddressesOf(alternative.get())) out.addresses.emplace_back(address);
  return out;
}

bool Fits(const CertificateFacts& facts, const CertificateWish& wish) {
  const auto within = [](const auto& wanted, const auto& there) {
    return std::all_of(wanted.begin(), wanted.end(),
                       [&](const std::string& one) { return Contains(there, one); });
  };
  std::set<std::string> addresses;
  for (const std::string& address : wish.addresses) addresses.insert(Canonical(address));
  return facts.common_name == wish.common_name && within(wish.organizations, facts.organizations) &&
         within(wish.dns_names, facts.dns_names) && within(addresses, facts.addresses);
}

}  // namespace berth::agent
