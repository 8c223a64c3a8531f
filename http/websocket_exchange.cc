// SPDX-License-Identifier: Apache-2.0
#include "http/websocket_exchange.h"

#include <atomic>
#include <utility>

#include "absl/strings/escaping.h"
#include "base/mutex.h"
#include "base/status.h"
#include "base/strings.h"
#include "http/exchange.h"
#include "http/websocket.h"

namespace berth::http {
namespace {

constexpr size_t kMostQueued = 2 << 20;

class WebSocketExchange : public Exchange,
                          public std::enable_shared_from_this<WebSocketExchange>,
                          private WebSocketReader::Sink {
 public:
  WebSocketExchange(std::shared_ptr<Exchange> inner, std::string_view protocol, MessageForm form)
      : inner_(std::move(inner)), protocol_(protocol), form_(form) {}

  const Request& request() const override { return inner_->request(); }
  const std::optional<PeerCertificate>& peer() const override { return inner_->peer(); }
  std::string_view remote_address() const override { return inner_->remote_address(); }
  size_t queued_bytes() const override { return inner_->queued_bytes(); }
  void WhenDrained(absl::AnyInvocable<void()> callback) override {
    inner_->WhenDrained(std::move(callback));
  }
  void Respond(Response response) override { inner_->Respond(std::move(response)); }
  absl::StatusOr<std::unique_ptr<Tunnel>> Upgrade(Headers) override {
    return base::FailedPrecondition("the answer is a WebSocket's already");
  }

  void Start(int, Headers) override {
    auto headers = AcceptWebSocket(request(), protocol_);
    auto* socket = dynamic_cast<SocketExchange*>(inner_.get());
    if (!headers.ok() || socket == nullptr) {
      closed_ = true;
      const absl::Status why = headers.status();
      inner_->Respond({400,
                       {{"Content-Type", "text/plain; charset=utf-8"}},
                       base::StrCat(why.ok() ? "cannot upgrade" : base::Message(why), "\n")});
      return Disconnected();
    }
    // An empty message tells the client that it is connected.
    socket->StartRaw(*std::move(headers), Frame(""),
                     [weak = weak_from_this()](char* data, size_t size) {
                       if (auto self = weak.lock()) self->Input(data, size);
                     });
  }

  bool Write(std::string_view data) override {
    return !closed_ && (data.empty() || inner_->Write(Frame(data)));
  }

  void Finish() override { Close(WebSocketClose::kNormal); }

  void OnDisconnect(absl::AnyInvocable<void()> callback) override {
    {
      base::MutexLock lock(mu_);
      on_disconnect_ = std::move(callback);
    }
    inner_->OnDisconnect([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->Disconnected();
    });
    if (closed_) Disconnected();
  }

 private:
  std::string Frame(std::string_view data) const {
    std::string frame;
    if (form_ == MessageForm::kBase64) {
      AppendWebSocketFrame(frame, WebSocketOpcode::kText, absl::Base64Escape(base::Av(data)));
    } else {
      AppendWebSocketFrame(frame, WebSocketOpcode::kBinary, data);
    }
    return frame;
  }

  void Close(WebSocketClose code) {
    if (closed_.exchange(true)) return;
    std::string frame;
    AppendWebSocketClose(frame, code);
    inner_->Write(frame);
    inner_->Finish();
  }

  void Disconnected() {
    absl::AnyInvocable<void()> callback;
    {
      base::MutexLock lock(mu_);
      callback = std::exchange(on_disconnect_, nullptr);
    }
    if (callback) callback();
  }

  // On the connection's loop, as everything below.
  void Input(char* data, size_t size) {
    const WebSocketClose code = reader_.Put(data, size, *this);
    if (code != WebSocketClose::kNone) OnClose(code);
  }
  void OnMessage(const WebSocketReader::Piece&) override {}  // nothing that a client could say
  void OnPing(std::string_view payload) override {
    // Who asks and does not read gets no answer: only the last ping needs one.
    if (closed_ || inner_->queued_bytes() > kMostQueued) return;
    std::string frame;
    AppendWebSocketFrame(frame, WebSocketOpcode::kPong, payload);
    inner_->Write(frame);
  }
  void OnClose(WebSocketClose code) override {
    Close(code);
    Disconnected();
  }

  const std::shared_ptr<Exchange> inner_;
  const std::string protocol_;
  const MessageForm form_;
  WebSocketReader reader_;
  std::atomic<bool> closed_ = false;
  base::Mutex mu_;
  absl::AnyInvocable<void()> on_disconnect_ BERTH_GUARDED_BY(mu_);
};

}  // namespace

std::shared_ptr<Exchange> OverWebSocket(std::shared_ptr<Exchange> exchange,
                                        std::string_view protocol, MessageForm form) {
  return std::make_shared<WebSocketExchange>(std::move(exchange), protocol, form);
}

}  // namespace berth::http
