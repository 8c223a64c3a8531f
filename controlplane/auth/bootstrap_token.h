// SPDX-License-Identifier: Apache-2.0
// Bootstrap tokens, "abcdef.0123456789abcdef": Secrets of kube-system with which machines that have
// no identity yet ask for one. Pure, but for the making of new ones.
#ifndef BERTH_CONTROLPLANE_AUTH_BOOTSTRAP_TOKEN_H_
#define BERTH_CONTROLPLANE_AUTH_BOOTSTRAP_TOKEN_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/apiserver/user_info.h"

namespace berth::api::core::v1 {
class Secret;
}

namespace berth::controlplane {

inline constexpr std::string_view kBootstrapNamespace = "kube-system";
inline constexpr std::string_view kBootstrapSecretType = "bootstrap.kubernetes.io/token";
inline constexpr std::string_view kBootstrappers = "system:bootstrappers";
// The group of tokens that `berth-controlplane bootstrap-kubeconfig` makes: those that are in it
// may ask for a node's certificate and get it without a person's approval.
inline constexpr std::string_view kNodeBootstrappers =
    "system:bootstrappers:berth:default-node-token";

struct BootstrapToken {
  std::string id;      // public, names the Secret
  std::string secret;  // is not to be logged

  std::string Text() const { return id + "." + secret; }
  std::string SecretName() const { return "bootstrap-token-" + id; }
};

// Nothing when the text has not the form of one.
std::optional<BootstrapToken> ParseBootstrapToken(std::string_view text);
BootstrapToken NewBootstrapToken();

struct BootstrapTokenUse {
  absl::Duration lifetime;  // infinite: it does not expire
  std::string description;
  std::vector<std::string> groups = {std::string(kNodeBootstrappers)};
};
// The Secret to store.
api::core::v1::Secret MakeBootstrapSecret(const BootstrapToken& token, const BootstrapTokenUse& use,
                                          absl::Time now);

// Who the token stands for: system:bootstrap:<id>. Unauthenticated when the Secret is not that of
// this token, is being deleted, has expired, or is not meant for authentication.
absl::StatusOr<UserInfo> CheckBootstrapToken(const BootstrapToken& token,
                                             const api::core::v1::Secret& secret, absl::Time now);

// When a token's Secret ends: nothing for one without an end or that is no token's. A time that
// cannot be read is long past.
std::optional<absl::Time> BootstrapExpiration(const api::core::v1::Secret& secret);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_AUTH_BOOTSTRAP_TOKEN_H_
