// SPDX-License-Identifier: Apache-2.0
#include "controlplane/auth/tokens.h"

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"

namespace berth::controlplane {
namespace {

using base::StrCat;
using nlohmann::json;

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string Base64Url(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6) out += kAlphabet[bits >> (count - 6) & 63];
  }
  if (count > 0) out += kAlphabet[bits << (6 - count) & 63];
  return out;
}

std::optional<std::string> FromBase64Url(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 255);
    }
  }
  return out;
}

absl::Status Bad(std::string_view why) {
  return base::MakeStatus(absl::StatusCode::kUnauthenticated, "invalid bearer token: ", why);
}

// Text at a member, "" when it is absent or something else.
std::string Text(const json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found == object.end() || !found->is_string() ? "" : found->get<std::string>();
}
json Member(const json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found == object.end() ? json() : *found;
}
int64_t Number(const json& object, const char* name) {
  const json found = Member(object, name);
  return found.is_number() ? found.get<int64_t>() : 0;
}

TokenClaims ClaimsOf(const json& body) {
  TokenClaims claims;
  const json k8s = Member(body, "kubernetes.io");
  claims.namespace_ = Text(k8s, "namespace");
  claims.account = Text(Member(k8s, "serviceaccount"), "name");
  claims.account_uid = Text(Member(k8s, "serviceaccount"), "uid");
  claims.pod = Text(Member(k8s, "pod"), "name");
  claims.pod_uid = Text(Member(k8s, "pod"), "uid");
  claims.node = Text(Member(k8s, "node"), "name");
  claims.node_uid = Text(Member(k8s, "node"), "uid");
  claims.secret = Text(Member(k8s, "secret"), "name");
  claims.secret_uid = Text(Member(k8s, "secret"), "uid");
  claims.id = Text(body, "jti");
  for (const json& audience : Member(body, "aud")) {
    if (audience.is_string()) claims.audiences.push_back(audience.get<std::string>());
  }
  claims.issued = absl::FromUnixSeconds(Number(body, "iat"));
  claims.expires = absl::FromUnixSeconds(Number(body, "exp"));
  return claims;
}

}  // namespace

std::string TokenClaims::Subject() const {
  return StrCat("system:serviceaccount:", namespace_, ":", account);
}

TokenSigner::TokenSigner(PrivateKey key) : key_(std::move(key)), key_id_(key_.Id()) {}

absl::StatusOr<std::string> TokenSigner::Sign(const TokenClaims& claims) const {
  const json header = {{"alg", "ES256"}, {"kid", key_id_}};
  auto reference = [](const std::string& name, const std::string& uid) {
    return json{{"name", name}, {"uid", uid}};
  };
  json k8s = {{"namespace", claims.namespace_},
              {"serviceaccount", reference(claims.account, claims.account_uid)}};
  if (!claims.pod.empty()) k8s["pod"] = reference(claims.pod, claims.pod_uid);
  if (!claims.node.empty()) k8s["node"] = reference(claims.node, claims.node_uid);
  if (!claims.secret.empty()) k8s["secret"] = reference(claims.secret, claims.secret_uid);
  const json body = {{"aud", claims.audiences},
                     {"exp", absl::ToUnixSeconds(claims.expires)},
                     {"iat", absl::ToUnixSeconds(claims.issued)},
                     {"nbf", absl::ToUnixSeconds(claims.issued)},
                     {"iss", kTokenIssuer},
                     {"jti", claims.id},
                     {"sub", claims.Subject()},
                     {"kubernetes.io", k8s}};
  const std::string text = StrCat(Base64Url(header.dump()), ".", Base64Url(body.dump()));
  ASSIGN_OR_RETURN(const std::string signature, key_.Sign(text));
  return StrCat(text, ".", Base64Url(signature));
}

absl::StatusOr<TokenClaims> TokenSigner::Verify(std::string_view token, absl::Time now) const {
  const std::vector<std::string_view> parts = base::Split(token, '.');
  if (parts.size() != 3) return Bad("not a JWT");
  const auto header = FromBase64Url(parts[0]);
  const auto body = FromBase64Url(parts[1]);
  const auto signature = FromBase64Url(parts[2]);
  if (!header.has_value() || !body.has_value() || !signature.has_value()) return Bad("not a JWT");
  const json head = json::parse(*header, nullptr, false);
  const json claims = json::parse(*body, nullptr, false);
  if (Text(head, "alg") != "ES256") return Bad("unknown algorithm");
  if (!key_.Verify(token.substr(0, parts[0].size() + 1 + parts[1].size()), *signature)) {
    return Bad("wrong signature");
  }
  if (Text(claims, "iss") != kTokenIssuer) return Bad("unknown issuer");
  TokenClaims out = ClaimsOf(claims);
  if (now >= out.expires) return Bad("token has expired");
  if (now < absl::FromUnixSeconds(Number(claims, "nbf"))) return Bad("token is not valid yet");
  return out;
}

}  // namespace berth::controlplane
