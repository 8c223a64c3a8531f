// SPDX-License-Identifier: Apache-2.0
#include "http/websocket_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "base/executor.h"
#include "http/raw_peer_test.h"
#include "http/server.h"

namespace berth::http {
namespace {

constexpr std::string_view kHandshake =
    "GET /log HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
// A client's frames with a mask of zeros.
constexpr std::string_view kPing("\x89\x82\0\0\0\0hi", 8);
constexpr std::string_view kClose("\x88\x82\0\0\0\0\x03\xe8", 8);

class WebSocketExchangeTest : public testing::Test {
 protected:
  // What the handler does with the WebSocket's exchange.
  RawPeer Ask(std::function<void(std::shared_ptr<Exchange>)> answer,
              MessageForm form = MessageForm::kBinary, std::string_view request = kHandshake) {
    server_ = MakeServer(io_, pool_, {}, [answer, form](std::shared_ptr<Exchange> exchange) {
                answer(OverWebSocket(std::move(exchange), "binary.k8s.io", form));
              }).value();
    auto peer = RawPeer::To(server_->Listen("127.0.0.1:0").value());
    peer.Send(request);
    return peer;
  }

  IoContext io_;
  base::ThreadPool pool_{"handlers", 2};
  std::unique_ptr<Server> server_;
};

TEST_F(WebSocketExchangeTest, WritesAreMessagesAndTheEndIsAClose) {
  auto peer = Ask([](std::shared_ptr<Exchange> exchange) {
    exchange->Start(200, {{"Content-Type", "text/plain"}});
    exchange->Write("one");
    exchange->Write("");
    exchange->Write("two");
    exchange->Finish();
    EXPECT_FALSE(exchange->Write("late"));
  });
  const std::string head = peer.ReadUntil("\r\n\r\n");
  EXPECT_THAT(head, testing::StartsWith("HTTP/1.1 101 "));
  EXPECT_THAT(head, testing::HasSubstr("Sec-WebSocket-Protocol: binary.k8s.io\r\n"));
  EXPECT_EQ(peer.ReadAll(), std::string_view("\x82\0\x82\x03one\x82\x03two\x88\x02\x03\xe8", 16));
}

TEST_F(WebSocketExchangeTest, Base64GoesAsText) {
  auto peer = Ask(
      [](std::shared_ptr<Exchange> exchange) {
        exchange->Start(200, {});
        exchange->Write("hi\n");
        exchange->Finish();
      },
      MessageForm::kBase64);
  peer.ReadUntil("\r\n\r\n");
  EXPECT_EQ(peer.ReadAll(), std::string_view("\x81\0\x81\x04"
                                             "aGkK\x88\x02\x03\xe8",
                                             12));
}

TEST_F(WebSocketExchangeTest, PingsAreAnsweredAndACloseEndsIt) {
  std::promise<void> gone;
  std::promise<std::shared_ptr<Exchange>> started;
  auto peer = Ask([&](std::shared_ptr<Exchange> exchange) {
    exchange->OnDisconnect([&gone] { gone.set_value(); });
    exchange->Start(200, {});
    started.set_value(std::move(exchange));
  });
  peer.ReadUntil("\r\n\r\n");
  peer.Send(kPing);
  EXPECT_EQ(peer.ReadUntil("hi"), std::string_view("\x82\0\x8a\x02hi", 6));
  peer.Send(kClose);
  EXPECT_EQ(peer.ReadAll(), "\x88\x02\x03\xe8");
  gone.get_future().wait();
  EXPECT_FALSE(started.get_future().get()->Write("late"));
}

TEST_F(WebSocketExchangeTest, AClientThatGoesIsTold) {
  std::promise<void> gone;
  {
    auto peer = Ask([&](std::shared_ptr<Exchange> exchange) {
      exchange->OnDisconnect([&gone, exchange] { gone.set_value(); });
      exchange->Start(200, {});
    });
    peer.ReadUntil("\r\n\r\n");
  }
  gone.get_future().wait();
}

TEST_F(WebSocketExchangeTest, RefusalsAreOrdinaryAnswers) {
  auto peer = Ask([](std::shared_ptr<Exchange> exchange) { exchange->Respond({404, {}, "no"}); });
  EXPECT_THAT(peer.ReadUntil("no"), testing::StartsWith("HTTP/1.1 404 "));
  auto other = Ask([](std::shared_ptr<Exchange> exchange) { exchange->Start(200, {}); },
                   MessageForm::kBinary, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(other.ReadUntil("handshake"), testing::StartsWith("HTTP/1.1 400 "));
}

}  // namespace
}  // namespace berth::http
