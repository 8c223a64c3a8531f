// SPDX-License-Identifier: Apache-2.0
#include "agent/images/registry_credentials.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using Json = nlohmann::json;

std::string TextOf(const Json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

// "host[:port]" and the path, without scheme and API version.
std::pair<std::string, std::string> HostAndPath(std::string_view where) {
  for (std::string_view scheme : {"https://", "http://"}) {
    if (where.starts_with(scheme)) where.remove_prefix(scheme.size());
  }
  const auto [host, path] = base::SplitOnce(where, '/');
  std::string_view rest = path.value_or("");
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest == "v1" || rest == "v2") rest = "";
  std::string name(host);
  if (name == "index.docker.io") name = "docker.io";
  return {name, std::string(rest)};
}

// One label of a pattern, in which "*" stands for any run of characters.
bool Glob(std::string_view pattern, std::string_view text) {
  const auto [before, after] = base::SplitOnce(pattern, '*');
  if (!after) return pattern == text;
  if (!text.starts_with(before)) return false;
  text.remove_prefix(before.size());
  for (size_t skip = 0; skip <= text.size(); ++skip) {
    if (Glob(*after, text.substr(skip))) return true;
  }
  return false;
}

bool HostMatches(std::string_view pattern, std::string_view host) {
  const auto [pattern_name, pattern_port] = base::SplitOnce(pattern, ':');
  const auto [name, port] = base::SplitOnce(host, ':');
  if (pattern_port != port) return false;
  const auto want = base::Split(pattern_name, '.'), got = base::Split(name, '.');
  return want.size() == got.size() &&
         std::equal(want.begin(), want.end(), got.begin(),
                    [](std::string_view p, std::string_view t) { return Glob(p, t); });
}

}  // namespace

absl::StatusOr<std::vector<RegistryCredential>> ParseDockerConfig(std::string_view json) {
  const Json root = Json::parse(json, nullptr, false);
  if (!root.is_object()) return base::InvalidArgument("not a docker configuration");
  const auto auths = root.find("auths");
  const Json& entries = auths == root.end() ? root : *auths;
  if (!entries.is_object()) return base::InvalidArgument("auths: want an object");
  std::vector<RegistryCredential> out;
  for (const auto& [where, entry] : entries.items()) {
    if (!entry.is_object()) return base::InvalidArgument("auths: want objects");
    RegistryCredential credential{where, TextOf(entry, "username"), TextOf(entry, "password"),
                                  TextOf(entry, "identitytoken"), TextOf(entry, "registrytoken")};
    std::string decoded;
    const std::string auth = TextOf(entry, "auth");
    if (!auth.empty()) {
      if (!absl::Base64Unescape(auth, &decoded)) {
        return base::InvalidArgument("auths: auth is not base64");
      }
      const auto [user, password] = base::SplitOnce(decoded, ':');
      if (!password) return base::InvalidArgument("auths: auth holds no user:password");
      credential.username = user;
      credential.password = *password;
    }
    out.push_back(std::move(credential));
  }
  return out;
}

std::vector<RegistryCredential> CredentialsFor(std::string_view image,
                                               std::vector<RegistryCredential> all) {
  const auto [host, path] = HostAndPath(image);
  std::erase_if(all, [&](const RegistryCredential& credential) {
    const auto [pattern, prefix] = HostAndPath(credential.where);
    return !HostMatches(pattern, host) || !std::string_view(path).starts_with(prefix);
  });
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.where.size() > b.where.size(); });
  return all;
}

}  // namespace berth::agent
