// SPDX-License-Identifier: Apache-2.0
// Service account tokens for projected volumes: asked for once, again when 80 % of their life or a
// day has passed. Thread-safe.
#ifndef BERTH_AGENT_VOLUMES_TOKEN_CACHE_H_
#define BERTH_AGENT_VOLUMES_TOKEN_CACHE_H_

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/strings.h"

namespace berth::client {
class ApiClient;
}

namespace berth::agent {

struct TokenRequestKey {
  std::string namespace_, service_account, pod_name, pod_uid, audience;
  int64_t expiration_seconds = 3600;
};
struct IssuedToken {
  std::string token;
  absl::Time expires;
};
using TokenIssuer = std::function<absl::StatusOr<IssuedToken>(const TokenRequestKey&)>;

// Asks the API (TokenRequest, bound to the Pod).
TokenIssuer ApiTokenIssuer(client::ApiClient& api);
// Of a node without an API: has none.
TokenIssuer NoTokenIssuer();

class TokenCache {
 public:
  TokenCache(TokenIssuer issuer, base::Clock& clock) : issuer_(std::move(issuer)), clock_(clock) {}

  // When a refresh fails and the old token still lives, the old one.
  absl::StatusOr<std::string> Get(const TokenRequestKey& key);
  void ForgetPod(std::string_view pod_uid);

 private:
  struct Entry {
    IssuedToken issued;
    absl::Time at;
  };

  const TokenIssuer issuer_;
  base::Clock& clock_;
  base::Mutex mu_;
  base::StringMap<Entry> entries_ BERTH_GUARDED_BY(mu_);  // "<pod uid>/..."
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_VOLUMES_TOKEN_CACHE_H_
