// SPDX-License-Identifier: Apache-2.0
// The server's side of WebSocket (RFC 6455), without any I/O: the answer to a handshake, frames
// out, frames in. Extensions are not offered. For one thread at a time.
#ifndef BERTH_HTTP_WEBSOCKET_H_
#define BERTH_HTTP_WEBSOCKET_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "http/message.h"

namespace berth::http {

bool IsWebSocketRequest(const Request& request);
// Sec-WebSocket-Protocol, in the client's order.
std::vector<std::string> OfferedProtocols(const Request& request);
// The headers of the 101 that chooses `protocol` ("": none). InvalidArgument when the request is no
// valid handshake.
absl::StatusOr<Headers> AcceptWebSocket(const Request& request, std::string_view protocol);

enum class WebSocketOpcode : uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10
};
enum class WebSocketClose : uint16_t {
  kNone = 0,  // not sent: a close frame without a code
  kNormal = 1000,
  kGoingAway = 1001,
  kProtocolError = 1002,
  kUnsupportedData = 1003,
  kMessageTooBig = 1009,
  kInternalError = 1011
};

// One whole, unmasked frame; its payload is `prefix` and `payload`.
void AppendWebSocketFrame(std::string& out, WebSocketOpcode opcode, std::string_view payload,
                          std::string_view prefix = "");
void AppendWebSocketClose(std::string& out, WebSocketClose code, std::string_view reason = "");

// Takes a client's frames apart. A message is passed on in pieces as they come, so its size costs
// no memory.
class WebSocketReader {
 public:
  struct Piece {
    std::string_view data;
    bool begins = false;  // the first of its message
    bool ends = false;    // the last
    bool text = false;
  };
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void OnMessage(const Piece& piece) = 0;
    virtual void OnPing(std::string_view payload) = 0;
    // kNone when the client gave no code. Nothing is read after it.
    virtual void OnClose(WebSocketClose code) = 0;
  };

  // What x/net's server allows, which is kube-apiserver's.
  explicit WebSocketReader(uint64_t max_message_bytes = 32 << 20)
      : max_message_bytes_(max_message_bytes) {}

  // Unmasks in place. The code to close with when the bytes break the protocol, kNone otherwise;
  // after such a code or a close frame everything is ignored.
  WebSocketClose Put(char* data, size_t size, Sink& sink);

 private:
  WebSocketClose Head();
  WebSocketClose Control(Sink& sink);
  void Unmask(char* data, size_t size);

  const uint64_t max_message_bytes_;
  std::string head_;  // of the frame that is being read, until complete
  bool in_payload_ = false;
  bool fin_ = false;
  WebSocketOpcode opcode_ = WebSocketOpcode::kBinary;
  uint64_t left_ = 0;  // of the payload
  unsigned char mask_[4] = {};
  unsigned mask_at_ = 0;
  bool in_message_ = false;    // between a first fragment and the last
  bool piece_begins_ = false;  // nothing of the message has been passed on yet
  bool text_ = false;
  uint64_t message_bytes_ = 0;
  std::string control_;  // the payload of a control frame
  bool over_ = false;
};

}  // namespace berth::http

#endif  // BERTH_HTTP_WEBSOCKET_H_
