// SPDX-License-Identifier: Apache-2.0
// Service account tokens: JWTs signed with the cluster's key, bound to an account and, as a rule,
// to a pod. Thread-safe.
#ifndef BERTH_CONTROLPLANE_AUTH_TOKENS_H_
#define BERTH_CONTROLPLANE_AUTH_TOKENS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/pki/key.h"

namespace berth::controlplane {

inline constexpr std::string_view kTokenIssuer = "https://kubernetes.default.svc.cluster.local";

struct TokenClaims {
  std::string namespace_;
  std::string account;
  std::string account_uid;
  std::string pod;  // "" when not bound to one
  std::string pod_uid;
  std::string node;
  std::string node_uid;
  std::string secret;  // "" when not bound to one
  std::string secret_uid;
  std::vector<std::string> audiences;
  std::string id;
  absl::Time issued;
  absl::Time expires;

  std::string Subject() const;  // system:serviceaccount:ns:name
};

class TokenSigner {
 public:
  explicit TokenSigner(PrivateKey key);
  absl::StatusOr<std::string> Sign(const TokenClaims& claims) const;
  // Checks signature, issuer and time; not that account and pod still exist. Unauthenticated.
  absl::StatusOr<TokenClaims> Verify(std::string_view token, absl::Time now) const;

 private:
  const PrivateKey key_;
  const std::string key_id_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_AUTH_TOKENS_H_
