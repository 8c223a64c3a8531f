// SPDX-License-Identifier: Apache-2.0
// Inside http/: one connection of a client, which carries one call at a time. Lives on one loop.
#ifndef BERTH_HTTP_CLIENT_CONNECTION_H_
#define BERTH_HTTP_CLIENT_CONNECTION_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/byte_stream.h"
#include "http/client.h"
#include "http/client_call.h"
#include "http/loop.h"
#include "http/parser.h"
#include "http/tls_context.h"

namespace berth::http {

// What the connections of a client share.
class ConnectionPool {
 public:
  virtual ~ConnectionPool() = default;
  virtual const ClientOptions& options() const = 0;
  // The connection waits for its next call; false when it should close instead.
  virtual bool Keep(const std::shared_ptr<ClientConnection>& connection) = 0;
  virtual void Closed(const std::shared_ptr<ClientConnection>& connection) = 0;
  // A kept connection turned out to be closed before anything of an answer came.
  virtual void SendAgain(std::shared_ptr<ClientCall> call) = 0;
};

class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  ClientConnection(std::shared_ptr<ConnectionPool> pool, std::shared_ptr<Loop> loop, SslContext tls,
                   std::string server_name);
  // Sends `call`, after connecting when that has not happened.
  void Run(std::shared_ptr<ClientCall> call);
  void Close(absl::Status why);
  // Its call is not paused any more.
  void Resume() {
    if (ready_) ReadMore();
  }
  const std::shared_ptr<Loop>& loop() const { return loop_; }
  const std::shared_ptr<ClientCall>& call() const { return call_; }
  const SslContext& tls() const { return tls_; }

 private:
  void Connect(Addresses addresses);
  void ConnectNext();
  void Connected();
  void Handshake();
  void Send();
  void WriteMore();
  void ReadMore();
  bool Parse();  // false when there is nothing more to do here
  void HeadComplete();
  void AnswerComplete();
  void HandOver();
  void StartTimer(absl::Duration after, const char* what);

  const std::shared_ptr<ConnectionPool> pool_;
  const std::shared_ptr<Loop> loop_;
  const SslContext tls_;
  const std::string server_name_;
  std::vector<SocketAddress> addresses_;
  size_t next_address_ = 0;
  std::string connect_error_;
  std::unique_ptr<Watched> connecting_;
  std::unique_ptr<ByteStream> stream_;
  std::optional<Timer> timer_;
  std::shared_ptr<ClientCall> call_;
  std::unique_ptr<ResponseParser> parser_;
  size_t written_ = 0;
  std::string in_;
  bool closed_ = false;
  bool ready_ = false;  // connected, handshake done
  bool reused_ = false;
  bool answer_began_ = false;
  bool head_told_ = false;
  bool waits_to_read_ = false;
};

}  // namespace berth::http

#endif  // BERTH_HTTP_CLIENT_CONNECTION_H_
