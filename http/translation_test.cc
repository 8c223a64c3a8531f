// SPDX-License-Identifier: Apache-2.0
#include "http/translation.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cctype>
#include <ctime>
#include <thread>

#include "base/executor.h"
#include "http/client.h"
#include "http/listener.h"
#include "http/raw_peer_test.h"
#include "http/server.h"

namespace berth::http {
namespace {

constexpr std::string_view kUpgrade =
    "GET /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n";
constexpr std::string_view kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n";

// Capitals for the server, "!" from it is the end. Says hello to both, and how much it has seen.
class Loud : public Translator {
 public:
  explicit Loud(std::atomic<size_t>& from_server) : from_server_(from_server) {}
  void Begin(Out& out) override {
    out.to_client = "hello client\n";
    out.to_server = "hello server\n";
  }
  void FromClient(char* data, size_t size, Out& out) override {
    for (size_t i = 0; i < size; ++i) {
      out.to_server += static_cast<char>(std::toupper(static_cast<unsigned char>(data[i])));
    }
  }
  void FromServer(char* data, size_t size, Out& out) override {
    from_server_ += size;
    out.to_client.append(data, size);
    out.over = out.to_client.ends_with('!');
  }
  void ServerEnded(Out& out) override { out.to_client = "the server has ended\n"; }

 private:
  std::atomic<size_t>& from_server_;
};

// raw peer -> server -> backend, a raw peer on a thread.
class TranslationTest : public testing::Test {
 protected:
  TranslationTest() : listener_(OpenListener("127.0.0.1:0").value()) {
    const int flags = fcntl(listener_.get(), F_GETFL);
    fcntl(listener_.get(), F_SETFL, flags & ~O_NONBLOCK);
    ClientOptions options;
    options.host = "127.0.0.1";
    options.port = PortOf(listener_).value();
    client_ = MakeClient(io_, options).value();
    server_ = MakeServer(io_, pool_, {}, [this](std::shared_ptr<Exchange> exchange) {
                Serve(std::move(exchange));
              }).value();
    port_ = server_->Listen("127.0.0.1:0").value();
  }
  void Serve(std::shared_ptr<Exchange> exchange) {
    std::unique_ptr<Tunnel> behind;
    if (exchange->request().target == "/exec") {
      behind = client_->Upgrade(exchange->request(), absl::Seconds(20)).value().tunnel;
    }
    auto tunnel = exchange->Upgrade({{"Upgrade", "test"}});
    if (tunnel.ok()) {
      Translate(*std::move(tunnel), std::move(behind), std::make_unique<Loud>(from_server_));
    }
  }
  RawPeer AcceptBackend() {
    RawPeer peer(Socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    peer.ReadUntil("\r\n\r\n");
    peer.Send(kSwitching);
    return peer;
  }
  RawPeer Connect(std::string_view upgrade = kUpgrade) {
    auto peer = RawPeer::To(port_);
    peer.Send(upgrade);
    peer.ReadUntil("\r\n\r\n");
    return peer;
  }

  std::atomic<size_t> from_server_ = 0;
  IoContext io_;
  base::ThreadPool pool_{"handlers", 4};
  Socket listener_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Server> server_;
  int port_ = 0;
};

TEST_F(TranslationTest, BytesChangeOnTheirWay) {
  std::string received;
  std::thread backend([&] {
    auto peer = AcceptBackend();
    received = peer.ReadUntil("OVER");
    peer.Send("understood!");
  });
  auto peer = RawPeer::To(port_);
  peer.Send(std::string(kUpgrade) + "early ");  // right behind the head
  peer.ReadUntil("\r\n\r\n");
  EXPECT_EQ(peer.ReadUntil("\n"), "hello client\n");
  peer.Send("and over");
  EXPECT_EQ(peer.ReadAll(), "understood!");
  backend.join();
  EXPECT_EQ(received, "hello server\nEARLY AND OVER");
}

TEST_F(TranslationTest, AServerThatEndsOrIsAbsentIsTold) {
  std::thread backend([&] { AcceptBackend().ReadUntil("\n"); });
  EXPECT_EQ(Connect().ReadAll(), "hello client\nthe server has ended\n");
  backend.join();
  EXPECT_EQ(Connect("GET /absent HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\r\n").ReadAll(),
            "hello client\nthe server has ended\n");
}

TEST_F(TranslationTest, AClientThatGoesEndsTheServersSide) {
  std::string received;
  std::thread backend([&] { received = AcceptBackend().ReadAll(); });
  {
    auto peer = Connect();
    peer.ReadUntil("\n");
    peer.Send("last words");
  }
  backend.join();
  EXPECT_EQ(received, "hello server\nLAST WORDS");
}

TEST_F(TranslationTest, AClientThatDoesNotReadHoldsTheServerBack) {
  constexpr size_t kAll = 64 << 20;
  std::thread backend([&] {
    auto peer = AcceptBackend();
    peer.ReadUntil("\n");  // a close with something unread would be a reset
    const std::string piece(1 << 20, 'x');
    for (size_t sent = 0; sent < kAll && peer.Send(piece);) sent += piece.size();
    peer.Send("!");
  });
  auto peer = Connect();
  // Whatever the kernel's buffers hold is less than everything.
  EXPECT_LT(AwaitStandstill(from_server_), kAll / 2);
  const std::clock_t used = std::clock();
  poll(nullptr, 0, 300);
  EXPECT_LT(std::clock() - used, CLOCKS_PER_SEC / 10) << "waiting costs processor time";
  const std::string all = peer.ReadAll();
  backend.join();
  EXPECT_EQ(all.size(), std::string_view("hello client\n!").size() + kAll);
}

}  // namespace
}  // namespace berth::http
