// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/key.h"

#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <vector>

#include "base/status.h"
#include "http/x509.h"

namespace berth::controlplane {
namespace {

using x509::Bio, x509::OpenSslDeleter, x509::OpenSslError;
using Context = std::unique_ptr<EVP_MD_CTX, OpenSslDeleter<EVP_MD_CTX_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, OpenSslDeleter<ECDSA_SIG_free>>;

constexpr int kScalarBytes = 32;

}  // namespace

absl::StatusOr<PrivateKey> PrivateKey::Generate() {
  PrivateKey key;
  key.key_.reset(EVP_EC_gen("P-256"), EVP_PKEY_free);
  if (key.key_ == nullptr) return base::Internal("making a key: ", OpenSslError());
  return key;
}

absl::StatusOr<PrivateKey> PrivateKey::FromPem(std::string_view pem) {
  const Bio bio = x509::ReadOnlyBio(pem);
  EVP_PKEY* raw = PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr);
  if (raw == nullptr) return base::InvalidArgument("not a private key: ", OpenSslError());
  PrivateKey key;
  key.key_.reset(raw, EVP_PKEY_free);
  return key;
}

absl::StatusOr<std::string> PrivateKey::ToPem() const {
  return x509::WritePem([this](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

absl::StatusOr<std::string> PrivateKey::Sign(std::string_view text) const {
  Context context(EVP_MD_CTX_new());
  size_t size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) != 1) {
    return base::Internal("signing: ", OpenSslError());
  }
  std::vector<unsigned char> der(size);
  if (EVP_DigestSign(context.get(), der.data(), &size, bytes, text.size()) != 1) {
    return base::Internal("signing: ", OpenSslError());
  }
  const unsigned char* at = der.data();
  Signature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
  if (signature == nullptr) return base::Internal("signing: ", OpenSslError());
  std::string out(2 * kScalarBytes, '\0');
  auto* raw = reinterpret_cast<unsigned char*>(out.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw, kScalarBytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw + kScalarBytes, kScalarBytes);
  return out;
}

bool PrivateKey::Verify(std::string_view text, std::string_view signature) const {
  if (signature.size() != 2 * kScalarBytes) return false;
  const auto* raw = reinterpret_cast<const unsigned char*>(signature.data());
  Signature parsed(ECDSA_SIG_new());
  ECDSA_SIG_set0(parsed.get(), BN_bin2bn(raw, kScalarBytes, nullptr),
                 BN_bin2bn(raw + kScalarBytes, kScalarBytes, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(parsed.get(), &der);
  if (size <= 0) return false;
  Context context(EVP_MD_CTX_new());
  const bool good =
      EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, get()) == 1 &&
      EVP_DigestVerify(context.get(), der, size,
                       reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
  OPENSSL_free(der);
  ERR_clear_error();
  return good;
}

std::string PrivateKey::Id() const {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(get(), &der);
  if (size <= 0) return "";
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(der, size, digest);
  OPENSSL_free(der);
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (int i = 0; i < 16; ++i) {
    out += kHex[digest[i] >> 4];
    out += kHex[digest[i] & 15];
  }
  return out;
}

}  // namespace berth::controlplane
