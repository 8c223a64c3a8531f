// SPDX-License-Identifier: Apache-2.0
// Who a request comes from: the client's certificate, or a bearer token, which is a service
// account's or a bootstrap token. Thread-safe.
#ifndef BERTH_CONTROLPLANE_AUTH_AUTHENTICATOR_H_
#define BERTH_CONTROLPLANE_AUTH_AUTHENTICATOR_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "controlplane/apiserver/object_cache.h"
#include "controlplane/apiserver/user_info.h"
#include "controlplane/auth/tokens.h"
#include "http/server.h"

namespace berth::controlplane {

struct BootstrapToken;

inline constexpr std::string_view kAnonymous = "system:anonymous";

class Authenticator {
 public:
  Authenticator(const TokenSigner& tokens, const ObjectCache& cache, const base::Clock& clock)
      : tokens_(tokens), cache_(cache), clock_(clock) {}

  // A request with neither is system:anonymous. Unauthenticated for a token that is not good.
  absl::StatusOr<UserInfo> Authenticate(const http::Exchange& exchange) const;
  // `audiences`: what the token must be for; none is the API server itself. The account, and the
  // pod it is bound to, must still exist. `matched` gets the audiences that both have.
  absl::StatusOr<UserInfo> CheckToken(std::string_view token,
                                      const std::vector<std::string>& audiences,
                                      std::vector<std::string>* matched = nullptr) const;

 private:
  absl::StatusOr<UserInfo> CheckBootstrap(const BootstrapToken& token,
                                          const std::vector<std::string>& audiences,
                                          std::vector<std::string>* matched) const;
  absl::Status CheckStillThere(const TokenClaims& claims) const;

  const TokenSigner& tokens_;
  const ObjectCache& cache_;
  const base::Clock& clock_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_AUTH_AUTHENTICATOR_H_
