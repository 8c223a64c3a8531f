// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/token_cleaner.h"

#include "api/proto/core/v1/config.pb.h"
#include "base/log.h"
#include "controlplane/auth/bootstrap_token.h"

namespace berth::controlplane {

using api::core::v1::Secret;

TokenCleaner::TokenCleaner(Context& context)
    : context_(context),
      queue_(context, "tokencleaner", [this](const std::string& key) { return Sync(key); }) {
  context_.informers.OnChange<Secret>(
      context_.informers.secrets,
      [this](const std::string& key, const Secret*, const Secret* after) {
        if (after != nullptr && after->type() == kBootstrapSecretType) queue_.Add(key);
      });
}

void TokenCleaner::Begin() {
  for (const auto& secret : context_.informers.secrets.List()) {
    if (secret->type() == kBootstrapSecretType) queue_.Add(api::KeyOf(*secret));
  }
}

absl::Status TokenCleaner::Sync(const std::string& key) {
  const auto secret = context_.informers.secrets.Get(key);
  if (secret == nullptr || secret->metadata().namespace_() != kBootstrapNamespace) {
    return absl::OkStatus();
  }
  const auto end = BootstrapExpiration(*secret);
  if (!end.has_value()) return absl::OkStatus();
  const absl::Time now = context_.clock.Now();
  if (now < *end) {
    queue_.AddAfter(key, *end - now);
    return absl::OkStatus();
  }
  const auto& meta = secret->metadata();
  const absl::Status status =
      context_.api.Delete(client::kSecrets, meta.namespace_(), meta.name(), {.uid = meta.uid()});
  if (status.ok()) BERTH_INFO("expired bootstrap token deleted", {"secret", meta.name()});
  return absl::IsNotFound(status) || absl::IsAborted(status) ? absl::OkStatus() : status;
}

}  // namespace berth::controlplane
