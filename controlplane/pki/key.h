// SPDX-License-Identifier: Apache-2.0
// A private key (ECDSA, P-256). Copies share it. Thread-safe.
#ifndef BERTH_CONTROLPLANE_PKI_KEY_H_
#define BERTH_CONTROLPLANE_PKI_KEY_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

typedef struct evp_pkey_st EVP_PKEY;

namespace berth::controlplane {

class PrivateKey {
 public:
  static absl::StatusOr<PrivateKey> Generate();
  static absl::StatusOr<PrivateKey> FromPem(std::string_view pem);
  absl::StatusOr<std::string> ToPem() const;
  // SHA-256 over `text`, as JOSE's ES256 wants it: r and s, 32 bytes each.
  absl::StatusOr<std::string> Sign(std::string_view text) const;
  bool Verify(std::string_view text, std::string_view signature) const;
  // A name for the public part, the same on every start.
  std::string Id() const;
  EVP_PKEY* get() const { return key_.get(); }

 private:
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_PKI_KEY_H_
