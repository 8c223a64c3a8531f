// SPDX-License-Identifier: Apache-2.0
#include "agent/server/request_auth.h"

#include "api/proto/authentication/v1/authentication.pb.h"
#include "api/proto/authorization/v1/authorization.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "client/api_client.h"

namespace berth::agent {
namespace {

using base::StrCat;

constexpr size_t kCacheEntries = 1024;

// Drops what has run out; everything when that is not enough.
template <class Cache>
void Trim(Cache& cache, absl::Time now) {
  if (cache.size() < kCacheEntries) return;
  for (auto at = cache.begin(); at != cache.end();) {
    const auto here = at++;
    if (here->second.second <= now) cache.erase(here);
  }
  if (cache.size() >= kCacheEntries) cache.clear();
}

}  // namespace

std::string_view VerbOf(std::string_view method) {
  if (method == "GET" || method == "HEAD") return "get";
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return "delete";
  return "";
}

std::vector<std::string_view> SubresourcesOf(std::string_view path) {
  auto below = [path](std::string_view prefix) {
    return path == prefix || (path.starts_with(prefix) && path[prefix.size()] == '/');
  };
  if (below("/stats")) return {"stats"};
  if (below("/metrics")) return {"metrics"};
  if (below("/logs")) return {"log"};
  if (below("/checkpoint")) return {"checkpoint"};
  if (below("/pods") || below("/runningpods")) return {"pods", "proxy"};
  if (below("/healthz")) return {"healthz", "proxy"};
  if (below("/configz")) return {"configz", "proxy"};
  return {"proxy"};
}

RequestAuth::RequestAuth(const KubeletConfig& config, std::string node_name, client::ApiClient* api,
                         base::Clock& clock)
    : anonymous_(config.anonymous_enabled),
      token_webhook_(config.webhook_authn_enabled),
      always_allow_(config.authorization_mode == "AlwaysAllow"),
      token_ttl_(config.webhook_authn_cache_ttl),
      allowed_ttl_(config.authorized_ttl),
      denied_ttl_(config.unauthorized_ttl),
      node_name_(std::move(node_name)),
      api_(api),
      clock_(clock) {}

absl::StatusOr<Caller> RequestAuth::Authenticate(const http::Exchange& exchange) {
  if (const auto& peer = exchange.peer(); peer && !peer->common_name.empty()) {
    Caller caller{peer->common_name, "", peer->organizations, {}};
    caller.groups.emplace_back("system:authenticated");
    return caller;
  }
  const std::string_view header = exchange.request().headers.Get("Authorization");
  if (header.size() > 7 && base::ToLower(header.substr(0, 7)) == "bearer ") {
    if (api_ == nullptr || !token_webhook_) return absl::UnauthenticatedError("Unauthorized");
    return ReviewToken(base::Trim(header.substr(7)));
  }
  if (anonymous_) return Caller{"system:anonymous", "", {"system:unauthenticated"}, {}};
  return absl::UnauthenticatedError("Unauthorized");
}

absl::StatusOr<Caller> RequestAuth::ReviewToken(std::string_view token) {
  const absl::Time now = clock_.Now();
  {
    base::MutexLock lock(mu_);
    const auto at = tokens_.find(token);
    if (at != tokens_.end() && now < at->second.second) return at->second.first;
  }
  api::authentication::v1::TokenReview review, answer;
  review.mutable_spec()->set_token(std::string(token));
  const absl::Status status = api_->Create(client::kTokenReviews, review, &answer);
  if (!status.ok()) {
    BERTH_WARNING("a token could not be reviewed", {"error", status});
    return absl::UnauthenticatedError("Unauthorized");
  }
  if (!answer.status().authenticated()) return absl::UnauthenticatedError("Unauthorized");
  const auto& user = answer.status().user();
  Caller caller{user.username(), user.uid(), {user.groups().begin(), user.groups().end()}, {}};
  for (const auto& [key, values] : user.extra()) {
    caller.extra[key].assign(values.items().begin(), values.items().end());
  }
  base::MutexLock lock(mu_);
  Trim(tokens_, now);
  tokens_.insert_or_assign(std::string(token), std::make_pair(caller, now + token_ttl_));
  return caller;
}

absl::StatusOr<bool> RequestAuth::ReviewAccess(const Caller& caller, std::string_view verb,
                                               std::string_view subresource) {
  std::string key = StrCat(caller.user, "\n", caller.uid, "\n", base::Join(caller.groups, ","),
                           "\n", verb, "\n", subresource);
  for (const auto& [name, values] : caller.extra) {
    base::StrAppend(key, "\n", name, "=", base::Join(values, ","));
  }
  const absl::Time now = clock_.Now();
  {
    base::MutexLock lock(mu_);
    const auto at = answers_.find(key);
    if (at != answers_.end() && now < at->second.second) return at->second.first;
  }
  if (api_ == nullptr) return false;
  api::authorization::v1::SubjectAccessReview review, answer;
  auto& spec = *review.mutable_spec();
  spec.set_user(caller.user);
  spec.set_uid(caller.uid);
  for (const std::string& group : caller.groups) spec.add_groups(group);
  for (const auto& [name, values] : caller.extra) {
    for (const std::string& value : values) (*spec.mutable_extra())[name].add_items(value);
  }
  auto& attributes = *spec.mutable_resource_attributes();
  attributes.set_verb(std::string(verb));
  attributes.set_version("v1");
  attributes.set_resource("nodes");
  attributes.set_subresource(std::string(subresource));
  attributes.set_name(node_name_);
  RETURN_IF_ERROR(api_->Create(client::kSubjectAccessReviews, review, &answer));
  const bool allowed = answer.status().allowed();
  base::MutexLock lock(mu_);
  Trim(answers_, now);
  answers_.insert_or_assign(key,
                            std::make_pair(allowed, now + (allowed ? allowed_ttl_ : denied_ttl_)));
  return allowed;
}

absl::Status RequestAuth::Authorize(const Caller& caller, std::string_view method,
                                    std::string_view path) {
  if (always_allow_) return absl::OkStatus();
  const std::string_view verb = VerbOf(method);
  const auto subresources = SubresourcesOf(path);
  for (std::string_view subresource : subresources) {
    auto allowed = ReviewAccess(caller, verb, subresource);
    RETURN_IF_ERROR(allowed.status(), "asking whether ", caller.user, " may");
    if (*allowed) return absl::OkStatus();
  }
  return base::MakeStatus(absl::StatusCode::kPermissionDenied, "Forbidden (user=", caller.user,
                          ", verb=", verb, ", resource=nodes, subresource(s)=[",
                          base::Join(subresources, " "), "])");
}

}  // namespace berth::agent
