// SPDX-License-Identifier: Apache-2.0
// Inside http/: one accepted connection. Lives on one loop.
#ifndef BERTH_HTTP_SERVER_CONNECTION_H_
#define BERTH_HTTP_SERVER_CONNECTION_H_

#include <memory>
#include <optional>
#include <string>

#include "base/executor.h"
#include "http/answer.h"
#include "http/byte_stream.h"
#include "http/loop.h"
#include "http/parser.h"
#include "http/server.h"

namespace berth::http {

class ServerConnection;

// What the connections of a server share.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual const ServerOptions& options() const = 0;
  // Runs the handler on the server's executor.
  virtual void Handle(std::shared_ptr<Exchange> exchange) = 0;
  // On the connection's loop; it holds nothing of the loop any more.
  virtual void Closed(const std::shared_ptr<ServerConnection>& connection) = 0;
};

class ServerConnection : public Answer::Sender,
                         public std::enable_shared_from_this<ServerConnection> {
 public:
  ServerConnection(std::shared_ptr<ConnectionOwner> owner, std::shared_ptr<Loop> loop,
                   std::unique_ptr<ByteStream> stream, std::string remote_address);
  void Start();
  void Close();
  const std::shared_ptr<Loop>& loop() const { return loop_; }

  void Flush() override;
  void GiveAway(const std::shared_ptr<TunnelEnd>& end) override;
  void InputWanted() override;

 private:
  enum class State { kHandshake, kReading, kHandling, kClosing, kDraining, kClosed };

  void Handshake();
  void ReadMore();
  void Advance();
  void Dispatch();
  void Reject(int status, std::string_view why);
  void AnswerSent();
  void Drain();
  void StartTimer(absl::Duration after);

  const std::shared_ptr<ConnectionOwner> owner_;
  const std::shared_ptr<Loop> loop_;
  const std::string remote_address_;
  std::unique_ptr<ByteStream> stream_;
  std::optional<Timer> timer_;
  std::optional<PeerCertificate> peer_;
  State state_ = State::kHandshake;
  bool waits_to_read_ = false;
  std::unique_ptr<RequestParser> parser_;  // none between requests
  bool continue_sent_ = false;
  std::string in_;
  std::string out_;
  size_t out_done_ = 0;
  bool keep_alive_ = true;
  bool answer_ends_ = false;  // `out_` holds the answer's last bytes
  std::shared_ptr<Answer> answer_;
};

}  // namespace berth::http

#endif  // BERTH_HTTP_SERVER_CONNECTION_H_
