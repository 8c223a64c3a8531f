// SPDX-License-Identifier: Apache-2.0
// Inside http/: OpenSSL contexts made of PEM text, and what a handshake told.
#ifndef BERTH_HTTP_TLS_CONTEXT_H_
#define BERTH_HTTP_TLS_CONTEXT_H_

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "http/tls.h"

namespace berth::http {

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslDeleter>;
using SslContext = std::shared_ptr<SSL_CTX>;

absl::StatusOr<SslContext> MakeServerContext(const TlsServerOptions& options);
absl::StatusOr<SslContext> MakeClientContext(const TlsClientOptions& options);
// A session about to accept or connect. `server_name` is verified as DNS name or IP address.
absl::StatusOr<SslPtr> NewServerSession(const SslContext& context);
absl::StatusOr<SslPtr> NewClientSession(const SslContext& context, const std::string& server_name);

// The verified certificate of the peer; nothing when it sent none.
std::optional<PeerCertificate> PeerOf(const SSL* ssl);
// Why the last call failed, for people: "certificate signed by unknown authority: CN = x".
// Takes OpenSSL's errors off this thread's queue.
std::string TlsError(SSL* ssl, std::string_view server_name);

}  // namespace berth::http

#endif  // BERTH_HTTP_TLS_CONTEXT_H_
