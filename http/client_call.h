// SPDX-License-Identifier: Apache-2.0
// Inside http/: one request of a client, and where its answer goes.
#ifndef BERTH_HTTP_CLIENT_CALL_H_
#define BERTH_HTTP_CLIENT_CALL_H_

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "http/loop.h"
#include "http/message.h"
#include "http/tunnel.h"

namespace berth::http {

class ClientConnection;

// Gets the answer, on the connection's loop. After Done() nothing comes any more.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  virtual void Head(int status, Headers headers) = 0;
  virtual void Data(std::string_view data) = 0;
  virtual void Upgraded(Headers headers, std::unique_ptr<Tunnel> tunnel) = 0;
  virtual void Done(absl::Status status) = 0;
};

class ClientCall {
 public:
  ClientCall(const Request& request, std::string_view host, std::shared_ptr<AnswerSink> sink);

  const std::string wire;
  const bool head;  // a HEAD request: the answer has no body
  const bool upgrade;
  const std::shared_ptr<AnswerSink> sink;
  absl::Duration idle = absl::InfiniteDuration();
  bool stream = false;  // its answer has no end that somebody waits for

  // Binds the call to the connection that carries it; false when it has been cancelled.
  bool Bind(std::shared_ptr<ClientConnection> connection);
  // From any thread: the connection that carries the call is closed.
  void Cancel();
  // From any thread: whether its connection reads on.
  void SetPaused(bool paused);
  bool paused() const { return paused_; }
  bool cancelled() const;

 private:
  std::atomic<bool> paused_ = false;
  mutable base::Mutex mu_;
  bool cancelled_ BERTH_GUARDED_BY(mu_) = false;
  std::weak_ptr<ClientConnection> connection_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::http

#endif  // BERTH_HTTP_CLIENT_CALL_H_
