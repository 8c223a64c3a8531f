// SPDX-License-Identifier: Apache-2.0
// kubeconfig files, as client-go reads them: certificates and keys inline or by path, token,
// tokenFile, tls-server-name, insecure-skip-tls-verify.
#ifndef BERTH_CLIENT_KUBECONFIG_H_
#define BERTH_CLIENT_KUBECONFIG_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/renewable_transport.h"
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
  // Where the client's certificate and key lie, "" when they are inline. WriteKubeconfig() names
  // the files instead of copying what is in them.
  std::string certificate_file, key_file;
};

// Errors name the file and the field. Relative paths are relative to the file's folder.
absl::StatusOr<Kubeconfig> LoadKubeconfig(std::string_view path);
absl::StatusOr<Kubeconfig> ParseKubeconfig(std::string_view text, std::string_view folder);
// A kubeconfig file's text, with everything inline but for certificate_file and key_file. `server`
// is the URL to write when it is not that of `config`.
std::string WriteKubeconfig(const Kubeconfig& config, std::string_view cluster,
                            std::string_view user, std::string_view server = "");
absl::StatusOr<std::unique_ptr<RenewableTransport>> MakeTransport(http::IoContext& io,
                                                                  const Kubeconfig& config);

}  // namespace berth::client

#endif  // BERTH_CLIENT_KUBECONFIG_H_
