// SPDX-License-Identifier: Apache-2.0
#include "http/tunnel.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/executor.h"
#include "base/status.h"
#include "http/client.h"
#include "http/listener.h"
#include "http/raw_peer_test.h"
#include "http/server.h"
#include "http/test_certs.h"

namespace berth::http {
namespace {

constexpr std::string_view kUpgrade =
    "POST /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
    "Content-Length: 0\r\n\r\n";
constexpr std::string_view kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n";

std::string Megabytes(int count) {
  std::string out;
  out.reserve(count << 20);
  uint32_t x = 1;
  for (int i = 0; i < count << 20; ++i)
    out.push_back(static_cast<char>((x = x * 1664525 + 1) >> 24));
  return out;
}

// raw peer -> outer server (plain) -> inner server (TLS) -> backend, a raw peer on a thread.
class TunnelTest : public testing::Test {
 protected:
  TunnelTest() : listener_(OpenListener("127.0.0.1:0").value()) {
    const int flags = fcntl(listener_.get(), F_GETFL);
    fcntl(listener_.get(), F_SETFL, flags & ~O_NONBLOCK);
    const auto identity = ca_.Server();
    ServerOptions options;
    options.tls = TlsServerOptions{identity.certificate_pem, identity.key_pem, ""};
    inner_client_ = To(PortOf(listener_).value(), {});
    inner_ = MakeServer(io_, pool_, options, PassTo(*inner_client_)).value();
    outer_client_ =
        To(inner_->Listen("127.0.0.1:0").value(), TlsClientOptions{.ca_pem = ca_.pem()});
    outer_ = MakeServer(io_, pool_, {}, PassTo(*outer_client_)).value();
    port_ = outer_->Listen("127.0.0.1:0").value();
  }
  std::unique_ptr<Client> To(int port, std::optional<TlsClientOptions> tls) {
    ClientOptions options;
    options.host = "127.0.0.1";
    options.port = port;
    options.tls = tls;
    return MakeClient(io_, options).value();
  }
  static Handler PassTo(Client& client) {
    return [&client](std::shared_ptr<Exchange> exchange) {
      int status = 0;
      auto up = client.Upgrade(exchange->request(), absl::Seconds(20), &status);
      if (!up.ok()) {
        exchange->Respond(
            {status == 0 ? 502 : status, {}, std::string(base::Message(up.status()))});
        return;
      }
      auto tunnel = exchange->Upgrade({{"Upgrade", std::string(up->headers.Get("Upgrade"))}});
      if (tunnel.ok()) Splice(*std::move(tunnel), std::move(up->tunnel));
    };
  }
  RawPeer AcceptBackend() {
    RawPeer peer(Socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    peer.ReadUntil("\r\n\r\n");
    return peer;
  }

  TestCa ca_;
  IoContext io_;
  base::ThreadPool pool_{"handlers", 4};
  Socket listener_;
  std::unique_ptr<Client> inner_client_;
  std::unique_ptr<Server> inner_;
  std::unique_ptr<Client> outer_client_;
  std::unique_ptr<Server> outer_;
  int port_ = 0;
};

TEST_F(TunnelTest, HalfCloseAndMegabytesGoThrough) {
  const std::string sent = Megabytes(8);
  std::string received;
  std::thread backend([&] {
    auto peer = AcceptBackend();
    peer.Send(kSwitching);
    received = peer.ReadAll();  // ends with the other side's half-close
    peer.Send("and back: " + received);
  });
  auto peer = RawPeer::To(port_);
  // Bytes right behind the head must not get lost.
  EXPECT_TRUE(peer.Send(std::string(kUpgrade) + sent.substr(0, 100)));
  EXPECT_THAT(peer.ReadUntil("\r\n\r\n"), testing::StartsWith("HTTP/1.1 101 "));
  EXPECT_TRUE(peer.Send(std::string_view(sent).substr(100)));
  peer.EndSending();
  const std::string answer = peer.ReadAll();
  backend.join();
  EXPECT_TRUE(received == sent) << received.size();
  EXPECT_TRUE(answer == "and back: " + sent) << answer.size();
}

TEST_F(TunnelTest, BothDirectionsFlowAtOnce) {
  const std::string down = Megabytes(6);
  const std::string up = Megabytes(5);
  std::string received;
  std::thread backend([&] {
    auto peer = AcceptBackend();
    peer.Send(kSwitching);
    std::thread writer([&] {
      peer.Send(down);
      peer.EndSending();
    });
    received = peer.ReadAll();
    writer.join();
  });
  auto peer = RawPeer::To(port_);
  peer.Send(kUpgrade);
  peer.ReadUntil("\r\n\r\n");
  std::thread writer([&] {
    peer.Send(up);
    peer.EndSending();
  });
  const std::string got = peer.ReadAll();
  writer.join();
  backend.join();
  EXPECT_TRUE(got == down) << got.size();
  EXPECT_TRUE(received == up) << received.size();
}

TEST_F(TunnelTest, OneEndsGoingEndsTheOther) {
  std::thread backend([&] {
    auto peer = AcceptBackend();
    peer.Send(kSwitching);
    peer.ReadUntil("go");
  });
  auto peer = RawPeer::To(port_);
  peer.Send(kUpgrade);
  peer.ReadUntil("\r\n\r\n");
  peer.Send("go");
  EXPECT_EQ(peer.ReadAll(), "");
  backend.join();
}

TEST_F(TunnelTest, TheLastWordsOfAServerThatResetsArrive) {
  std::thread backend([&] {
    auto peer = AcceptBackend();
    peer.Send(kSwitching);
    peer.ReadUntil("go");
    peer.Send("the status");
    // It goes with something unread, so the kernel resets the connection.
  });
  auto peer = RawPeer::To(port_);
  peer.Send(kUpgrade);
  peer.ReadUntil("\r\n\r\n");
  peer.Send("go");
  std::thread writer([&] {
    peer.Send(Megabytes(8));
    peer.EndSending();
  });
  EXPECT_EQ(peer.ReadAll(), "the status");
  writer.join();
  backend.join();
}

TEST_F(TunnelTest, ARefusalKeepsItsCodeAndText) {
  std::thread backend([&] {
    auto peer = AcceptBackend();
    peer.Send("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!");
    peer.ReadAll();
  });
  auto peer = RawPeer::To(port_);
  peer.Send(kUpgrade);
  EXPECT_THAT(peer.ReadUntil("\r\n\r\n"), testing::StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(peer.ReadUntil("no!"), testing::EndsWith("no!"));
  inner_client_->CloseIdle();
  backend.join();
}

}  // namespace
}  // namespace berth::http
