// SPDX-License-Identifier: Apache-2.0
// Who asks, and whether he may: client certificates, bearer tokens by TokenReview, then the API's
// SubjectAccessReview for nodes/<subresource>. Answers are cached for the configured times.
// Thread-safe; both methods may block on the API.
#ifndef BERTH_AGENT_SERVER_REQUEST_AUTH_H_
#define BERTH_AGENT_SERVER_REQUEST_AUTH_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/config/kubelet_config.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "http/server.h"

namespace berth::client {
class ApiClient;
}

namespace berth::agent {

struct Caller {
  std::string user, uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;
};

// "GET" -> "get", "POST" -> "create"; "" for others.
std::string_view VerbOf(std::string_view method);
// The subresources of nodes that allow a request, the particular one first: {"pods", "proxy"}.
std::vector<std::string_view> SubresourcesOf(std::string_view path);

class RequestAuth {
 public:
  // Without `api` tokens are refused and the Webhook mode allows nothing.
  RequestAuth(const KubeletConfig& config, std::string node_name, client::ApiClient* api,
              base::Clock& clock);

  // Unauthenticated when nobody vouches for the caller.
  absl::StatusOr<Caller> Authenticate(const http::Exchange& exchange);
  // PermissionDenied with the kubelet's text: "Forbidden (user=..., verb=..., ...)".
  absl::Status Authorize(const Caller& caller, std::string_view method, std::string_view path);

 private:
  absl::StatusOr<Caller> ReviewToken(std::string_view token);
  absl::StatusOr<bool> ReviewAccess(const Caller& caller, std::string_view verb,
                                    std::string_view subresource);

  const bool anonymous_, token_webhook_, always_allow_;
  const absl::Duration token_ttl_, allowed_ttl_, denied_ttl_;
  const std::string node_name_;
  client::ApiClient* const api_;
  base::Clock& clock_;
  base::Mutex mu_;
  base::StringMap<std::pair<Caller, absl::Time>> tokens_ BERTH_GUARDED_BY(mu_);  // until when
  base::StringMap<std::pair<bool, absl::Time>> answers_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_SERVER_REQUEST_AUTH_H_
