// SPDX-License-Identifier: Apache-2.0
#include "client/transport.h"

#include <utility>

#include "base/strings.h"
#include "client/renewable_transport.h"

namespace berth::client {
namespace {

class HttpTransport : public RenewableTransport {
 public:
  HttpTransport(std::unique_ptr<http::Client> client, std::function<std::string()> token)
      : token_(std::move(token)), client_(std::move(client)) {}

  absl::StatusOr<http::Response> Do(const http::Request& request, absl::Duration timeout) override {
    return client_->Do(WithToken(request), timeout);
  }
  std::unique_ptr<http::Stream> DoStream(const http::Request& request,
                                         http::StreamCallbacks callbacks,
                                         absl::Duration idle) override {
    return client_->DoStream(WithToken(request), std::move(callbacks), idle);
  }
  absl::Status ReloadTls(const http::TlsClientOptions& tls) override {
    return client_->ReloadTls(tls);
  }

 private:
  http::Request WithToken(http::Request request) const {
    request.headers.Set("User-Agent", "berth");
    const std::string token = token_ ? token_() : "";
    if (!token.empty()) request.headers.Set("Authorization", base::StrCat("Bearer ", token));
    return request;
  }

  const std::function<std::string()> token_;
  const std::unique_ptr<http::Client> client_;
};

}  // namespace

std::unique_ptr<Transport> MakeHttpTransport(std::unique_ptr<http::Client> client,
                                             std::function<std::string()> token) {
  return MakeRenewableTransport(std::move(client), std::move(token));
}

std::unique_ptr<RenewableTransport> MakeRenewableTransport(std::unique_ptr<http::Client> client,
                                                           std::function<std::string()> token) {
  return std::make_unique<HttpTransport>(std::move(client), std::move(token));
}

}  // namespace berth::client
