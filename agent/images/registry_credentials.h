// SPDX-License-Identifier: Apache-2.0
// Who to be at a registry: the entries of imagePullSecrets and of the node's config.json.
// Passwords are never printed. Thread-safe: no state.
#ifndef BERTH_AGENT_IMAGES_REGISTRY_CREDENTIALS_H_
#define BERTH_AGENT_IMAGES_REGISTRY_CREDENTIALS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace berth::agent {

struct RegistryCredential {
  std::string where;  // "ghcr.io", "*.example.com/team", "https://index.docker.io/v1/"
  std::string username, password, identity_token, registry_token;
};

// ".dockerconfigjson" ({"auths": {...}}) or, without "auths", the older ".dockercfg".
absl::StatusOr<std::vector<RegistryCredential>> ParseDockerConfig(std::string_view json);

// Those that fit the image "registry/repository", the most particular ones first.
std::vector<RegistryCredential> CredentialsFor(std::string_view image,
                                               std::vector<RegistryCredential> all);

}  // namespace berth::agent

#endif  // BERTH_AGENT_IMAGES_REGISTRY_CREDENTIALS_H_
