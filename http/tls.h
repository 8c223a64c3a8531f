// SPDX-License-Identifier: Apache-2.0
// TLS material for clients and servers, as PEM text. TLS 1.2 at least; ALPN says http/1.1.
#ifndef BERTH_HTTP_TLS_H_
#define BERTH_HTTP_TLS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace berth::http {

struct TlsServerOptions {
  std::string certificate_pem;  // the chain, leaf first
  std::string key_pem;
  // Client certificates are asked for, and a request without one is let through as anonymous; one
  // that does not verify against these fails the handshake. "" asks for none.
  std::string client_ca_pem;
};

struct TlsClientOptions {
  std::string ca_pem;  // "" is the system's store
  std::string certificate_pem;
  std::string key_pem;
  std::string server_name;  // "" is the host of the address
  bool insecure_skip_verify = false;
};

// Who the peer is, by its verified certificate.
struct PeerCertificate {
  std::string common_name;
  std::vector<std::string> organizations;
};

}  // namespace berth::http

#endif  // BERTH_HTTP_TLS_H_
