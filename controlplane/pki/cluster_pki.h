// SPDX-License-Identifier: Apache-2.0
// The keys and certificates of a cluster, as files under <data>/pki: made on the first start, read
// afterwards. Private ones have mode 0600.
#ifndef BERTH_CONTROLPLANE_PKI_CLUSTER_PKI_H_
#define BERTH_CONTROLPLANE_PKI_CLUSTER_PKI_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/pki/certificate.h"

namespace berth::controlplane {

struct ClusterPki {
  KeyPair authority;          // signs all others; what nodes trust as client CA too
  KeyPair serving;            // of the API server
  KeyPair kubelet_client;     // with which the API server calls nodes
  std::string token_key_pem;  // signs service account tokens
};

// `names` and `addresses` go into the serving certificate; it is made anew when one is missing or
// it ends within 30 days.
absl::StatusOr<ClusterPki> LoadOrMakePki(const std::string& data_dir,
                                         const std::vector<std::string>& names,
                                         const std::vector<std::string>& addresses, absl::Time now);
// Only what is there; NotFound before the first start.
absl::StatusOr<KeyPair> LoadAuthority(const std::string& data_dir);

// A kubeconfig with a fresh client certificate for this user.
absl::StatusOr<std::string> MakeKubeconfig(const KeyPair& authority, std::string_view server,
                                           std::string_view user,
                                           const std::vector<std::string>& groups, absl::Time now);

// Writes through a temporary file that is synced and renamed.
absl::Status WriteFileAtomically(const std::string& path, std::string_view text, int mode);
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_PKI_CLUSTER_PKI_H_
