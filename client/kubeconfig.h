// SPDX-License-Identifier: Apache-2.0
// kubeconfig files, as client-go reads them: certificates and keys inline or by path, token,
// tokenFile, tls-server-name, insecure-skip-tls-verify.
#ifndef BERTH_CLIENT_KUBECONFIG_H_
#define BERTH_CLIENT_KUBECONFIG_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/transport.h"
#include "http/io_context.h"
#include "http/tls.h"

namespace berth::client {

// What the current context says, with every file read.
struct Kubeconfig {
  std::string host;
  int port = 443;
  bool https = true;
  http::TlsClientOptions tls;
  std::string token;       // bearer token, "" when none
  std::string token_file;  // read again when it changes
  std::string namespace_ = "default";
};

// Errors name the file and the field. Relative paths are relative to the file's folder.
absl::StatusOr<Kubeconfig> LoadKubeconfig(std::string_view path);
absl::StatusOr<Kubeconfig> ParseKubeconfig(std::string_view text, std::string_view folder);
// A kubeconfig file's text with everything inline.
std::string WriteKubeconfig(const Kubeconfig& config, std::string_view cluster,
                            std::string_view user);
absl::StatusOr<std::unique_ptr<Transport>> MakeTransport(http::IoContext& io,
                                                         const Kubeconfig& config);

}  // namespace berth::client

#endif  // BERTH_CLIENT_KUBECONFIG_H_
