// SPDX-License-Identifier: Apache-2.0
// Inside http/: the Exchange of a request that came over a socket.
#ifndef BERTH_HTTP_EXCHANGE_H_
#define BERTH_HTTP_EXCHANGE_H_

#include <memory>
#include <optional>
#include <string>

#include "http/answer.h"
#include "http/message.h"
#include "http/server.h"
#include "http/tls.h"

namespace berth::http {

class SocketExchange : public Exchange {
 public:
  struct Facts {
    std::optional<PeerCertificate> peer;
    std::string remote_address;
    bool http10 = false;
    bool keep_alive = true;
  };
  SocketExchange(std::shared_ptr<Answer> answer, Request request, Facts facts);
  ~SocketExchange() override;  // answers 500 when nobody else has

  const Request& request() const override { return request_; }
  const std::optional<PeerCertificate>& peer() const override { return facts_.peer; }
  std::string_view remote_address() const override { return facts_.remote_address; }
  void Respond(Response response) override;
  void Start(int status, Headers headers) override;
  bool Write(std::string_view data) override;
  size_t queued_bytes() const override { return answer_->queued_bytes(); }
  void WhenDrained(absl::AnyInvocable<void()> callback) override {
    answer_->WhenDrained(std::move(callback));
  }
  void Finish() override;
  absl::StatusOr<std::unique_ptr<Tunnel>> Upgrade(Headers headers) override;
  // 101 and `first`; then Write() and Finish() send raw bytes, and those that come in go to
  // `input`.
  void StartRaw(Headers headers, std::string_view first, Answer::InputTask input);
  void OnDisconnect(absl::AnyInvocable<void()> callback) override;

 private:
  void SetConnection(Headers& headers);

  const std::shared_ptr<Answer> answer_;
  const Request request_;
  const Facts facts_;
  const bool head_;
  // Written by Start, read by Write and Finish, which follow it.
  std::atomic<bool> chunked_ = false;
  std::atomic<bool> no_body_ = false;
};

}  // namespace berth::http

#endif  // BERTH_HTTP_EXCHANGE_H_
