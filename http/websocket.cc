// SPDX-License-Identifier: Apache-2.0
#include "http/websocket.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "http/wire.h"

namespace berth::http {
namespace {

using Close = WebSocketClose;
using Opcode = WebSocketOpcode;

constexpr std::string_view kKeySuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr size_t kMaxControlBytes = 125;

bool IsControl(Opcode opcode) { return static_cast<uint8_t>(opcode) >= 8; }

// A nonce of 16 bytes in base64.
bool IsKey(std::string_view key) {
  return key.size() == 24 && key.ends_with("==") &&
         std::all_of(key.begin(), key.end() - 2,
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '+' || c == '/'; });
}

std::string AcceptOf(std::string_view key) {
  const std::string text = base::StrCat(key, kKeySuffix);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::array<unsigned char, 64> out;
  const int length = EVP_EncodeBlock(out.data(), digest.data(), static_cast<int>(size));
  return {reinterpret_cast<const char*>(out.data()), static_cast<size_t>(length)};
}

// The codes that may go over the wire.
bool MayBeSent(uint16_t code) {
  return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace

bool IsWebSocketRequest(const Request& request) {
  return HasToken(request.headers.Get("Connection"), "upgrade") &&
         HasToken(request.headers.Get("Upgrade"), "websocket");
}

std::vector<std::string> OfferedProtocols(const Request& request) {
  std::vector<std::string> out;
  for (std::string_view field : request.headers.All("Sec-WebSocket-Protocol")) {
    for (std::string_view name : base::Split(field, ',')) {
      if (name = base::Trim(name); !name.empty()) out.emplace_back(name);
    }
  }
  return out;
}

absl::StatusOr<Headers> AcceptWebSocket(const Request& request, std::string_view protocol) {
  if (!IsWebSocketRequest(request)) return base::InvalidArgument("not a WebSocket handshake");
  if (request.method != "GET") return base::InvalidArgument("a WebSocket handshake is a GET");
  if (request.headers.Get("Sec-WebSocket-Version") != "13") {
    return base::InvalidArgument("only version 13 of WebSocket is spoken");
  }
  const std::string_view key = request.headers.Get("Sec-WebSocket-Key");
  if (!IsKey(key)) return base::InvalidArgument("Sec-WebSocket-Key is missing or malformed");
  Headers out{
      {"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Accept", AcceptOf(key)}};
  if (!protocol.empty()) out.Set("Sec-WebSocket-Protocol", protocol);
  return out;
}

void AppendWebSocketFrame(std::string& out, Opcode opcode, std::string_view payload,
                          std::string_view prefix) {
  const uint64_t size = prefix.size() + payload.size();
  out.push_back(static_cast<char>(0x80 | static_cast<uint8_t>(opcode)));
  const int length_bytes = size < 126 ? 0 : size <= 0xffff ? 2 : 8;
  out.push_back(static_cast<char>(length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127));
  for (int i = length_bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(size >> (8 * i)));
  out.append(prefix).append(payload);
}

void AppendWebSocketClose(std::string& out, Close code, std::string_view reason) {
  if (code == Close::kNone) return AppendWebSocketFrame(out, Opcode::kClose, "");
  const auto number = static_cast<uint16_t>(code);
  const char prefix[2] = {static_cast<char>(number >> 8), static_cast<char>(number)};
  AppendWebSocketFrame(out, Opcode::kClose, reason.substr(0, kMaxControlBytes - 2), {prefix, 2});
}

Close WebSocketReader::Head() {
  const auto byte = [this](size_t at) { return static_cast<uint8_t>(head_[at]); };
  fin_ = (byte(0) & 0x80) != 0;
  if ((byte(0) & 0x70) != 0) return Close::kProtocolError;  // of extensions
  const uint8_t opcode = byte(0) & 0x0f;
  if ((opcode > 2 && opcode < 8) || opcode > 10) return Close::kProtocolError;
  opcode_ = static_cast<Opcode>(opcode);
  const uint8_t length = byte(1) & 0x7f;
  if (length == 127) {
    left_ = 0;
    for (size_t i = 0; i < 8; ++i) left_ = left_ << 8 | byte(2 + i);
    if (left_ <= 0xffff || (left_ >> 63) != 0) return Close::kProtocolError;
  } else if (length == 126) {
    left_ = static_cast<uint64_t>(byte(2) << 8 | byte(3));
    if (left_ < 126) return Close::kProtocolError;
  } else {
    left_ = length;
  }
  std::copy(head_.end() - 4, head_.end(), reinterpret_cast<char*>(mask_));
  mask_at_ = 0;
  if (IsControl(opcode_)) {
    return fin_ && left_ <= kMaxControlBytes ? Close::kNone : Close::kProtocolError;
  }
  if ((opcode_ == Opcode::kContinuation) != in_message_) return Close::kProtocolError;
  if (!in_message_) {
    in_message_ = piece_begins_ = true;
    text_ = opcode_ == Opcode::kText;
    message_bytes_ = 0;
  }
  if (left_ > max_message_bytes_ - message_bytes_) return Close::kMessageTooBig;
  message_bytes_ += left_;
  return Close::kNone;
}

Close WebSocketReader::Control(Sink& sink) {
  const std::string payload = std::exchange(control_, "");
  if (opcode_ == Opcode::kPing) sink.OnPing(payload);
  if (opcode_ != Opcode::kClose) return Close::kNone;
  over_ = true;
  if (payload.empty()) {
    sink.OnClose(Close::kNone);
    return Close::kNone;
  }
  if (payload.size() == 1) return Close::kProtocolError;
  const auto code = static_cast<uint16_t>(static_cast<uint8_t>(payload[0]) << 8 |
                                          static_cast<uint8_t>(payload[1]));
  if (!MayBeSent(code)) return Close::kProtocolError;
  sink.OnClose(static_cast<Close>(code));
  return Close::kNone;
}

// Eight bytes at a time: a copy of a gigabyte passes here.
void WebSocketReader::Unmask(char* data, size_t size) {
  unsigned char mask[8];
  for (unsigned i = 0; i < 8; ++i) mask[i] = mask_[(mask_at_ + i) & 3];
  mask_at_ = static_cast<unsigned>((mask_at_ + size) & 3);
  uint64_t word_mask = 0, word = 0;
  std::memcpy(&word_mask, mask, 8);
  size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    std::memcpy(&word, data + at, 8);
    word ^= word_mask;
    std::memcpy(data + at, &word, 8);
  }
  for (; at < size; ++at) data[at] = static_cast<char>(data[at] ^ mask[at & 7]);
}

Close WebSocketReader::Put(char* data, size_t size, Sink& sink) {
  const auto fail = [this](Close code) {
    over_ = true;
    return code;
  };
  while (!over_) {
    if (!in_payload_) {
      // Two bytes say how long the head is.
      size_t want = 2;
      if (head_.size() >= 2) {
        if ((head_[1] & 0x80) == 0) return fail(Close::kProtocolError);  // a client masks
        const uint8_t length = static_cast<uint8_t>(head_[1]) & 0x7f;
        want = 6 + (length == 126 ? 2 : length == 127 ? 8 : 0);
      }
      if (head_.size() < want) {
        const size_t take = std::min(want - head_.size(), size);
        if (take == 0) return Close::kNone;
        head_.append(data, take);
        data += take;
        size -= take;
        continue;
      }
      if (const Close code = Head(); code != Close::kNone) return fail(code);
      head_.clear();
      in_payload_ = true;
    }
    const auto take = static_cast<size_t>(std::min<uint64_t>(left_, size));
    if (take == 0 && left_ > 0) return Close::kNone;
    Unmask(data, take);
    left_ -= take;
    in_payload_ = left_ > 0;
    if (IsControl(opcode_)) {
      control_.append(data, take);
      if (!in_payload_) {
        if (const Close code = Control(sink); code != Close::kNone) return fail(code);
      }
    } else {
      const bool ends = fin_ && !in_payload_;
      if (ends) in_message_ = false;
      if (take > 0 || ends) {
        sink.OnMessage({{data, take}, std::exchange(piece_begins_, false), ends, text_});
      }
    }
    data += take;
    size -= take;
  }
  return Close::kNone;
}

}  // namespace berth::http
