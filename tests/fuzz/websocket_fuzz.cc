// SPDX-License-Identifier: Apache-2.0
// A client's WebSocket frames: what is read does not depend on how the bytes arrive.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "http/websocket.h"
#include "tests/fuzz/fuzz_target.h"

namespace berth::fuzz {
namespace {

struct Told : http::WebSocketReader::Sink {
  void OnMessage(const http::WebSocketReader::Piece& piece) override {
    if (piece.begins) text += piece.text ? "<text " : "<binary ";
    text += piece.data;
    if (piece.ends) text += ">";
  }
  void OnPing(std::string_view payload) override { text.append("<ping ").append(payload) += ">"; }
  void OnClose(http::WebSocketClose code) override {
    text += "<close " + std::to_string(static_cast<int>(code)) + ">";
  }
  std::string text;
};

std::string Read(std::string bytes, size_t at_a_time) {
  http::WebSocketReader reader(/*max_message_bytes=*/1 << 16);
  Told told;
  for (size_t at = 0; at < bytes.size(); at += at_a_time) {
    const size_t size = std::min(at_a_time, bytes.size() - at);
    const auto code = reader.Put(bytes.data() + at, size, told);
    if (code != http::WebSocketClose::kNone) {
      told.text += "<broken " + std::to_string(static_cast<int>(code)) + ">";
    }
  }
  return told.text;
}

}  // namespace

int WebSocket(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = Read(bytes, std::max<size_t>(size, 1));
  for (const size_t at_a_time : {1, 2, 7}) {
    if (Read(bytes, at_a_time) != whole) std::abort();
  }
  return 0;
}

}  // namespace berth::fuzz
BERTH_FUZZ_ENTRY(berth::fuzz::WebSocket)
