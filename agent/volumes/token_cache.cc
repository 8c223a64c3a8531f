// SPDX-License-Identifier: Apache-2.0
#include "agent/volumes/token_cache.h"

#include "api/proto/authentication/v1/authentication.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "client/api_client.h"

namespace berth::agent {
namespace {

constexpr absl::Duration kMaxAge = absl::Hours(24);

std::string KeyText(const TokenRequestKey& key) {
  return base::StrCat(key.pod_uid, "/", key.namespace_, "/", key.service_account, "/",
                      key.expiration_seconds, "/", key.audience);
}

}  // namespace

TokenIssuer ApiTokenIssuer(client::ApiClient& api) {
  return [&api](const TokenRequestKey& key) -> absl::StatusOr<IssuedToken> {
    api::authentication::v1::TokenRequest request, answer;
    auto& spec = *request.mutable_spec();
    if (!key.audience.empty()) spec.add_audiences(key.audience);
    spec.set_expiration_seconds(key.expiration_seconds);
    spec.mutable_bound_object_ref()->set_kind("Pod");
    spec.mutable_bound_object_ref()->set_api_version("v1");
    spec.mutable_bound_object_ref()->set_name(key.pod_name);
    spec.mutable_bound_object_ref()->set_uid(key.pod_uid);
    RETURN_IF_ERROR(api.CreateSubresource(client::kServiceAccounts, key.namespace_,
                                          key.service_account, "token", request, &answer),
                    "failed to fetch token");
    return IssuedToken{answer.status().token(),
                       absl::FromUnixSeconds(answer.status().expiration_timestamp().seconds())};
  };
}

TokenIssuer NoTokenIssuer() {
  return [](const TokenRequestKey&) -> absl::StatusOr<IssuedToken> {
    return base::Unavailable("failed to fetch token: there is no API server");
  };
}

absl::StatusOr<std::string> TokenCache::Get(const TokenRequestKey& key) {
  const std::string text = KeyText(key);
  const absl::Time now = clock_.Now();
  std::optional<Entry> old;
  {
    base::MutexLock lock(mu_);
    if (const auto at = entries_.find(text); at != entries_.end()) old = at->second;
  }
  if (old) {
    const absl::Duration life = old->issued.expires - old->at;
    if (now < old->at + life * 0.8 && now < old->at + kMaxAge) return old->issued.token;
  }
  auto issued = issuer_(key);
  if (!issued.ok()) {
    if (old && now < old->issued.expires) {
      BERTH_WARNING("service account token could not be refreshed", {"pod", key.pod_name},
                    {"error", issued.status()});
      return old->issued.token;
    }
    return issued.status();
  }
  base::MutexLock lock(mu_);
  Entry& entry = entries_[text];
  entry = {*std::move(issued), now};
  return entry.issued.token;
}

void TokenCache::ForgetPod(std::string_view pod_uid) {
  const std::string prefix = base::StrCat(pod_uid, "/");
  base::MutexLock lock(mu_);
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto here = at++;
    if (here->first.starts_with(prefix)) entries_.erase(here);
  }
}

}  // namespace berth::agent
