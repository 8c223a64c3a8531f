// SPDX-License-Identifier: Apache-2.0
#include "http/websocket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace berth::http {
namespace {

using Close = WebSocketClose;
using Opcode = WebSocketOpcode;

// A client's frame. The length takes `length_bytes` more bytes, whatever the size.
std::string Frame(uint8_t first, std::string_view payload, int length_bytes = -1) {
  constexpr std::string_view kMask = "\x12\x34\xab\xcd";
  const size_t size = payload.size();
  if (length_bytes < 0) length_bytes = size < 126 ? 0 : size <= 0xffff ? 2 : 8;
  std::string out(1, static_cast<char>(first));
  out.push_back(static_cast<char>(0x80 | (length_bytes == 0   ? size
                                          : length_bytes == 2 ? 126
                                                              : 127)));
  for (int i = length_bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(size >> (8 * i)));
  out += kMask;
  for (size_t i = 0; i < size; ++i) out.push_back(static_cast<char>(payload[i] ^ kMask[i & 3]));
  return out;
}

// What came, as text: "b[one" and "b]two" are the first and the last piece of a binary message.
struct Seen : WebSocketReader::Sink {
  void OnMessage(const WebSocketReader::Piece& piece) override {
    // Pieces depend on how bytes arrive: what belongs together is put together.
    if (piece.begins) log.emplace_back(piece.text ? "text:" : "binary:");
    log.back().append(piece.data);
    if (piece.ends) log.back() += ";";
  }
  void OnPing(std::string_view payload) override { log.push_back(base::StrCat("ping:", payload)); }
  void OnClose(Close code) override {
    log.push_back(base::StrCat("close:", static_cast<int>(code)));
  }
  std::vector<std::string> log;
};

Close Put(WebSocketReader& reader, std::string bytes, size_t at_a_time, Seen& seen) {
  for (size_t at = 0; at < bytes.size(); at += at_a_time) {
    const Close code = reader.Put(bytes.data() + at, std::min(at_a_time, bytes.size() - at), seen);
    if (code != Close::kNone) return code;
  }
  return Close::kNone;
}

Request Handshake() {
  Request request;
  request.headers = {{"Connection", "keep-alive, Upgrade"},
                     {"Upgrade", "websocket"},
                     {"Sec-WebSocket-Version", "13"},
                     {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                     {"Sec-WebSocket-Protocol", "v5.channel.k8s.io, v4.channel.k8s.io"}};
  return request;
}

TEST(WebSocketHandshake, IsAnsweredAsTheStandardShows) {
  const auto headers = AcceptWebSocket(Handshake(), "v4.channel.k8s.io");
  ASSERT_TRUE(headers.ok()) << headers.status();
  EXPECT_EQ(headers->Get("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(headers->Get("Sec-WebSocket-Protocol"), "v4.channel.k8s.io");
  EXPECT_EQ(headers->Get("Upgrade"), "websocket");
  EXPECT_THAT(OfferedProtocols(Handshake()),
              testing::ElementsAre("v5.channel.k8s.io", "v4.channel.k8s.io"));
}

TEST(WebSocketHandshake, IsRefusedWhenItIsNone) {
  const std::pair<const char*, const char*> bad[] = {{"Upgrade", "SPDY/3.1"},
                                                     {"Connection", "close"},
                                                     {"Sec-WebSocket-Version", "8"},
                                                     {"Sec-WebSocket-Key", "dGhlIHNhbXBsZQ=="},
                                                     {"Sec-WebSocket-Key", ""}};
  for (const auto& [name, value] : bad) {
    Request request = Handshake();
    request.headers.Set(name, value);
    EXPECT_TRUE(absl::IsInvalidArgument(AcceptWebSocket(request, "").status())) << name;
  }
  Request request = Handshake();
  request.method = "POST";
  EXPECT_FALSE(AcceptWebSocket(request, "").ok());
}

TEST(WebSocketFrames, LengthsHaveThreeForms) {
  for (const size_t size : {0, 125, 126, 65535, 65536}) {
    std::string out;
    AppendWebSocketFrame(out, Opcode::kBinary, std::string(size, 'x'));
    EXPECT_EQ(out.size() - size, size < 126 ? 2 : size < 65536 ? 4 : 10) << size;
    WebSocketReader reader;
    Seen seen;
    EXPECT_EQ(Put(reader, Frame(0x82, std::string(size, 'x')), 4096, seen), Close::kNone);
    EXPECT_THAT(seen.log, testing::ElementsAre("binary:" + std::string(size, 'x') + ";"));
  }
  std::string out;
  AppendWebSocketFrame(out, Opcode::kBinary, "ell", "H");
  EXPECT_EQ(out, "\x82\x04Hell");
  out.clear();
  AppendWebSocketClose(out, Close::kNormal, "bye");
  EXPECT_EQ(out, std::string_view("\x88\x05\x03\xe8"
                                  "bye"));
}

TEST(WebSocketFrames, ComeHoweverTheyAreCut) {
  const std::string bytes = Frame(0x01, "one ") + Frame(0x89, "are you there") + Frame(0x00, "") +
                            Frame(0x80, "message") + Frame(0x8a, "pong") + Frame(0x82, "") +
                            Frame(0x82, std::string(300, 'y')) + Frame(0x88, "\x03\xe8 bye");
  for (size_t at_a_time = 1; at_a_time <= bytes.size(); ++at_a_time) {
    WebSocketReader reader;
    Seen seen;
    EXPECT_EQ(Put(reader, bytes, at_a_time, seen), Close::kNone);
    ASSERT_EQ(seen.log.size(), 5) << at_a_time;
    // The ping comes in the middle of the message, so its text is found behind it.
    EXPECT_EQ(seen.log[0] + "|" + seen.log[1], "text:one |ping:are you theremessage;");
    EXPECT_EQ(seen.log[2], "binary:;");
    EXPECT_EQ(seen.log[3], "binary:" + std::string(300, 'y') + ";");
    EXPECT_EQ(seen.log[4], "close:1000");
  }
}

TEST(WebSocketFrames, BreakingTheProtocolIsToldByItsCode) {
  std::string unmasked;
  AppendWebSocketFrame(unmasked, Opcode::kBinary, "x");
  const std::pair<std::string, Close> bad[] = {
      {unmasked, Close::kProtocolError},
      {Frame(0xc2, "x"), Close::kProtocolError},                     // a reserved bit
      {Frame(0x83, "x"), Close::kProtocolError},                     // no such opcode
      {Frame(0x8b, "x"), Close::kProtocolError},                     // nor such a control frame
      {Frame(0x80, "x"), Close::kProtocolError},                     // continues nothing
      {Frame(0x02, "x") + Frame(0x82, "y"), Close::kProtocolError},  // begins inside
      {Frame(0x09, "x"), Close::kProtocolError},                     // a control frame in fragments
      {Frame(0x89, std::string(126, 'x')), Close::kProtocolError},
      {Frame(0x82, "x", 2), Close::kProtocolError},  // a length longer than needed
      {Frame(0x82, "x", 8), Close::kProtocolError},
      {Frame(0x88, "x"), Close::kProtocolError},         // half a code
      {Frame(0x88, "\x03\xed"), Close::kProtocolError},  // 1005 is never sent
      {Frame(0x82, std::string(1025, 'x')), Close::kMessageTooBig},
      {Frame(0x02, std::string(1000, 'x')) + Frame(0x80, std::string(25, 'x')),
       Close::kMessageTooBig},
      {"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04", Close::kProtocolError},
      {Frame(0x82, "GET / HTTP/1.1"), Close::kNone},
  };
  for (const auto& [bytes, code] : bad) {
    for (const size_t at_a_time : {size_t{1}, bytes.size()}) {
      WebSocketReader reader(1024);
      Seen seen;
      EXPECT_EQ(Put(reader, bytes, at_a_time, seen), code) << testing::PrintToString(bytes);
    }
  }
}

TEST(WebSocketFrames, NothingIsReadAfterTheEnd) {
  WebSocketReader reader;
  Seen seen;
  EXPECT_EQ(Put(reader, Frame(0x88, "") + Frame(0x82, "late"), 1000, seen), Close::kNone);
  EXPECT_EQ(Put(reader, Frame(0x82, "later"), 1000, seen), Close::kNone);
  EXPECT_THAT(seen.log, testing::ElementsAre("close:0"));
}

}  // namespace
}  // namespace berth::http
