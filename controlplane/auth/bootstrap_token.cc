// SPDX-License-Identifier: Apache-2.0
#include "controlplane/auth/bootstrap_token.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>

#include "api/proto/core/v1/config.pb.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Secret;

constexpr size_t kIdSize = 6;
constexpr size_t kSecretSize = 16;
constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";

bool IsTokenText(std::string_view text, size_t size) {
  return text.size() == size && text.find_first_not_of(kAlphabet) == std::string_view::npos;
}

std::string RandomText(size_t size) {
  std::string out;
  while (out.size() < size) {
    unsigned char byte = 0;
    RAND_bytes(&byte, 1);
    // 252 is the last multiple of 36: each character is as likely as any other.
    if (byte < 252) out += kAlphabet[byte % kAlphabet.size()];
  }
  return out;
}

std::string Data(const Secret& secret, const char* key) {
  const auto found = secret.data().find(key);
  return found == secret.data().end() ? "" : found->second;
}

absl::Status Bad(std::string_view why) {
  return base::MakeStatus(absl::StatusCode::kUnauthenticated, "bootstrap token: ", why);
}

bool SameSecret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool IsExtraGroup(std::string_view group) {
  constexpr std::string_view kPrefix = "system:bootstrappers:";
  if (!group.starts_with(kPrefix)) return false;
  const std::string_view rest = group.substr(kPrefix.size());
  constexpr size_t kLongest = 256;
  if (rest.empty() || rest.size() > kLongest) return false;
  const bool known = std::all_of(rest.begin(), rest.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == ':' || c == '-';
  });
  return known && rest.back() != ':' && rest.back() != '-';
}

absl::StatusOr<std::vector<std::string>> GroupsOf(const Secret& secret) {
  std::vector<std::string> groups{std::string(kBootstrappers)};
  const std::string extra = Data(secret, "auth-extra-groups");
  if (extra.empty()) return groups;
  for (std::string_view group : base::Split(extra, ',')) {
    if (!IsExtraGroup(group)) return Bad("a group that a token may not have");
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.emplace_back(group);
  }
  return groups;
}

}  // namespace

std::optional<BootstrapToken> ParseBootstrapToken(std::string_view text) {
  const auto [id, secret] = base::SplitOnce(text, '.');
  if (!IsTokenText(id, kIdSize) || !IsTokenText(secret.value_or(""), kSecretSize)) {
    return std::nullopt;
  }
  return BootstrapToken{std::string(id), std::string(*secret)};
}

BootstrapToken NewBootstrapToken() { return {RandomText(kIdSize), RandomText(kSecretSize)}; }

Secret MakeBootstrapSecret(const BootstrapToken& token, const BootstrapTokenUse& use,
                           absl::Time now) {
  Secret secret;
  secret.mutable_metadata()->set_namespace_(std::string(kBootstrapNamespace));
  secret.mutable_metadata()->set_name(token.SecretName());
  secret.set_type(std::string(kBootstrapSecretType));
  auto& data = *secret.mutable_data();
  data["token-id"] = token.id;
  data["token-secret"] = token.secret;
  data["usage-bootstrap-authentication"] = "true";
  if (!use.groups.empty()) data["auth-extra-groups"] = base::Join(use.groups, ",");
  if (!use.description.empty()) data["description"] = use.description;
  if (use.lifetime < absl::InfiniteDuration()) {
    data["expiration"] =
        absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now + use.lifetime, absl::UTCTimeZone());
  }
  return secret;
}

std::optional<absl::Time> BootstrapExpiration(const Secret& secret) {
  if (secret.type() != kBootstrapSecretType) return std::nullopt;
  const std::string text = Data(secret, "expiration");
  if (text.empty()) return std::nullopt;
  absl::Time when;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, base::Av(text), &when, &error))
    return absl::InfinitePast();
  return when;
}

absl::StatusOr<UserInfo> CheckBootstrapToken(const BootstrapToken& token, const Secret& secret,
                                             absl::Time now) {
  if (secret.metadata().has_deletion_timestamp()) return Bad("deleted and awaiting removal");
  if (secret.type() != kBootstrapSecretType) return Bad("the Secret is of another type");
  if (!SameSecret(Data(secret, "token-secret"), token.secret)) return Bad("wrong secret");
  if (Data(secret, "token-id") != token.id) return Bad("the Secret has another token-id");
  if (const auto end = BootstrapExpiration(secret); end.has_value() && *end <= now) {
    return Bad("expired");
  }
  if (Data(secret, "usage-bootstrap-authentication") != "true") {
    return Bad("not marked usage-bootstrap-authentication");
  }
  UserInfo user;
  user.name = base::StrCat("system:bootstrap:", token.id);
  ASSIGN_OR_RETURN(user.groups, GroupsOf(secret));
  user.groups.emplace_back("system:authenticated");
  return user;
}

}  // namespace berth::controlplane
