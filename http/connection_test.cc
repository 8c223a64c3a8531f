// SPDX-License-Identifier: Apache-2.0
// What goes over a connection besides whole requests: pieces, limits, timeouts, ends.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/un.h>

#include "base/executor.h"
#include "base/mutex.h"
#include "http/client.h"
#include "http/listener.h"
#include "http/raw_peer_test.h"
#include "http/server.h"
#include "http/test_certs.h"

namespace berth::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Signal {
 public:
  void Raise() {
    base::MutexLock lock(mu_);
    raised_ = true;
    cv_.NotifyAll();
  }
  bool Wait(absl::Duration timeout = absl::Seconds(20)) {
    base::MutexLock lock(mu_);
    while (!raised_) {
      if (!cv_.WaitFor(mu_, timeout)) return raised_;
    }
    return true;
  }

 private:
  base::Mutex mu_;
  base::CondVar cv_;
  bool raised_ BERTH_GUARDED_BY(mu_) = false;
};

class ConnectionTest : public testing::Test {
 protected:
  int Serve(Handler handler, ServerOptions options = {}) {
    server_ = MakeServer(io_, pool_, std::move(options), std::move(handler)).value();
    return server_->Listen("127.0.0.1:0").value();
  }
  std::unique_ptr<Client> Connect(int port) {
    ClientOptions options;
    options.host = "127.0.0.1";
    options.port = port;
    return MakeClient(io_, options).value();
  }
  static void Echo(std::shared_ptr<Exchange> exchange) {
    exchange->Respond({200, {}, exchange->request().body});
  }

  const absl::Duration timeout_ = absl::Seconds(20);
  IoContext io_;
  base::ThreadPool pool_{"handlers", 4};
  std::unique_ptr<Server> server_;
};

TEST_F(ConnectionTest, ServerHearsWhenAStreamsReaderGoes) {
  Signal gone;
  base::Mutex mu;
  std::shared_ptr<Exchange> kept;
  const auto client = Connect(Serve([&](std::shared_ptr<Exchange> exchange) {
    {
      base::MutexLock lock(mu);
      kept = exchange;
    }
    exchange->OnDisconnect([&] { gone.Raise(); });
    exchange->Start(200, {});
    exchange->Write("hello");
  }));
  Signal data;
  StreamCallbacks callbacks;
  callbacks.data = [&](std::string_view) { data.Raise(); };
  auto stream = client->DoStream({}, std::move(callbacks), absl::InfiniteDuration());
  ASSERT_TRUE(data.Wait());
  stream.reset();
  EXPECT_TRUE(gone.Wait());
  {
    base::MutexLock lock(mu);
    EXPECT_FALSE(kept->Write("more"));
  }
  server_.reset();  // no handler uses this test's variables any more
}

TEST_F(ConnectionTest, ClientHearsWhenTheServerGoesOrAWriterGivesUp) {
  base::Mutex mu;
  std::shared_ptr<Exchange> kept;
  const auto client = Connect(Serve([&](std::shared_ptr<Exchange> exchange) {
    exchange->Start(200, {});
    exchange->Write("hello");
    if (exchange->request().target == "/drop") return;
    base::MutexLock lock(mu);
    kept = exchange;
  }));
  for (const char* target : {"/drop", "/keep"}) {
    Signal data;
    Signal done;
    absl::Status end;
    StreamCallbacks callbacks;
    callbacks.data = [&](std::string_view) { data.Raise(); };
    callbacks.done = [&](absl::Status status) {
      end = status;
      done.Raise();
    };
    auto stream = client->DoStream({.target = target}, callbacks, absl::InfiniteDuration());
    ASSERT_TRUE(data.Wait());
    if (std::string_view(target) == "/keep") server_.reset();
    ASSERT_TRUE(done.Wait());
    EXPECT_TRUE(absl::IsUnavailable(end)) << end;
  }
}

TEST_F(ConnectionTest, WhatDoesNotAnswerInTimeIsCancelled) {
  Signal gone;
  base::Mutex mu;
  std::shared_ptr<Exchange> kept;
  const auto client = Connect(Serve([&](std::shared_ptr<Exchange> exchange) {
    exchange->OnDisconnect([&] { gone.Raise(); });
    base::MutexLock lock(mu);
    kept = exchange;
  }));
  const auto response = client->Do({}, absl::Milliseconds(50));
  EXPECT_TRUE(absl::IsDeadlineExceeded(response.status()));
  EXPECT_TRUE(gone.Wait());
  server_.reset();
}

TEST_F(ConnectionTest, AnIdleStreamEndsUnavailable) {
  base::Mutex mu;
  std::shared_ptr<Exchange> kept;
  const auto client = Connect(Serve([&](std::shared_ptr<Exchange> exchange) {
    exchange->Start(200, {});
    base::MutexLock lock(mu);
    kept = exchange;
  }));
  Signal done;
  absl::Status end;
  StreamCallbacks callbacks;
  callbacks.done = [&](absl::Status status) {
    end = status;
    done.Raise();
  };
  const auto stream = client->DoStream({}, callbacks, absl::Milliseconds(50));
  ASSERT_TRUE(done.Wait());
  EXPECT_TRUE(absl::IsUnavailable(end)) << end;
  server_.reset();
}

TEST_F(ConnectionTest, TooLargeBodiesAndHeadersAreRefused) {
  ServerOptions options;
  options.max_body_bytes = 1000;
  options.max_header_bytes = 2000;
  const auto client = Connect(Serve(Echo, options));
  EXPECT_EQ(client->Do({"POST", "/", {}, std::string(1000, 'x')}, timeout_)->status, 200);
  const auto body = client->Do({"POST", "/", {}, std::string(3'000'000, 'x')}, timeout_);
  ASSERT_TRUE(body.ok()) << body.status();
  EXPECT_EQ(body->status, 413);
  const auto header = client->Do({.headers = {{"X", std::string(5000, 'x')}}}, timeout_);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->status, 431);
}

TEST_F(ConnectionTest, UnderstandsChunksAndAnswersExpectContinue) {
  auto peer = RawPeer::To(Serve(Echo));
  peer.Send(
      "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(peer.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  for (const char* piece : {"3\r\na", "bc\r", "\n5\r\ndefgh\r\n", "0\r\n", "\r\n"}) {
    peer.Send(piece);
  }
  EXPECT_THAT(peer.ReadUntil("\r\n\r\n"), HasSubstr("Content-Length: 8"));
  EXPECT_EQ(peer.ReadUntil("abcdefgh"), "abcdefgh");
}

TEST_F(ConnectionTest, OldAndClosingClientsGetTheirEnd) {
  const int port = Serve([](std::shared_ptr<Exchange> exchange) {
    exchange->Start(200, {});
    exchange->Write("abc");
    exchange->Finish();
  });
  auto old = RawPeer::To(port);
  old.Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(old.ReadAll().ends_with("\r\n\r\nabc"));
  auto closing = RawPeer::To(port);
  closing.Send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(closing.ReadAll().ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
}

TEST_F(ConnectionTest, NonsenseIs400AndTheEnd) {
  auto peer = RawPeer::To(Serve(Echo));
  peer.Send("nonsense\r\n\r\n");
  EXPECT_THAT(peer.ReadAll(), StartsWith("HTTP/1.1 400 "));
}

TEST_F(ConnectionTest, SlowHeadersAndIdleConnectionsAreClosed) {
  ServerOptions options;
  options.header_timeout = absl::Milliseconds(30);
  auto slow = RawPeer::To(Serve(Echo, options));
  slow.Send("GET / HTT");
  EXPECT_EQ(slow.ReadAll(), "");
  options.header_timeout = absl::Seconds(30);
  options.idle_timeout = absl::Milliseconds(30);
  auto idle = RawPeer::To(Serve(Echo, options));
  idle.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(idle.ReadAll(), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(ConnectionTest, AWriterSeesWhatItsPeerDoesNotTake) {
  Signal written;
  size_t queued = 0;
  auto peer = RawPeer::To(Serve([&](std::shared_ptr<Exchange> exchange) {
    exchange->Start(200, {{"Content-Length", "30000000"}});
    for (int i = 0; i < 30; ++i) exchange->Write(std::string(1'000'000, 'x'));
    queued = exchange->queued_bytes();
    written.Raise();
    exchange->Finish();
  }));
  peer.Send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(written.Wait());
  EXPECT_GT(queued, 1'000'000u);
  EXPECT_GT(peer.ReadAll().size(), 30'000'000u);
  server_.reset();
}

TEST_F(ConnectionTest, AKeptConnectionThatTheServerClosedIsReplaced) {
  const int port = Serve(Echo);
  const auto client = Connect(port);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client->Do({}, timeout_).ok());
    server_.reset();
    server_ = MakeServer(io_, pool_, {}, Echo).value();
    ASSERT_TRUE(server_->Listen("127.0.0.1:" + std::to_string(port)).ok());
    const auto response = client->Do({}, timeout_);
    EXPECT_TRUE(response.ok()) << response.status();
  }
}

TEST_F(ConnectionTest, ServesASocketThatSomebodyElseOpened) {
  const std::string path = "/tmp/http_test." + std::to_string(getpid()) + ".sock";
  unlink(path.c_str());
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  path.copy(at.sun_path, sizeof at.sun_path - 1);
  ASSERT_EQ(bind(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(listen(socket.get(), 5), 0);
  server_ = MakeServer(io_, pool_, {}, Echo).value();
  ASSERT_TRUE(server_->ListenOn(socket.Release()).ok());
  ClientOptions options;
  options.host = path;
  const auto client = MakeClient(io_, options).value();
  EXPECT_EQ(client->Do({.body = "x"}, timeout_)->body, "x");
  unlink(path.c_str());
}

TEST_F(ConnectionTest, NewConnectionsUseAReloadedCertificate) {
  const TestCa old_ca("old");
  const TestCa new_ca("new");
  const auto before = old_ca.Server();
  ServerOptions options;
  options.tls = TlsServerOptions{before.certificate_pem, before.key_pem, ""};
  const int port = Serve(Echo, options);
  const auto ask = [&](const TestCa& ca) {
    ClientOptions to;
    to.host = "localhost";
    to.port = port;
    to.tls = TlsClientOptions{.ca_pem = ca.pem()};
    return MakeClient(io_, to).value()->Do({}, timeout_);
  };
  EXPECT_TRUE(ask(old_ca).ok());
  EXPECT_FALSE(ask(new_ca).ok());
  const auto after = new_ca.Server();
  ASSERT_TRUE(server_->ReloadTls({after.certificate_pem, after.key_pem, ""}).ok());
  EXPECT_FALSE(server_->ReloadTls({"garbage", after.key_pem, ""}).ok());
  EXPECT_TRUE(ask(new_ca).ok());
  EXPECT_FALSE(ask(old_ca).ok());
}

TEST_F(ConnectionTest, AClientWithNewCredentialsLeavesTheConnectionsOfTheOldOnes) {
  const TestCa ca;
  const auto identity = ca.Server();
  ServerOptions options;
  options.tls = TlsServerOptions{identity.certificate_pem, identity.key_pem, ca.pem()};
  base::Mutex mu;
  std::shared_ptr<Exchange> kept;
  Signal waiting, go;
  const int port = Serve(
      [&](std::shared_ptr<Exchange> exchange) {
        const std::string name = exchange->peer().has_value() ? exchange->peer()->common_name : "";
        if (exchange->request().target == "/watch") {
          exchange->Start(200, {});
          exchange->Write(name);
          base::MutexLock lock(mu);
          kept = std::move(exchange);
          return;
        }
        if (exchange->request().target == "/slow") {
          waiting.Raise();
          go.Wait();
        }
        exchange->Respond({200, {}, name});
      },
      options);
  const auto as = [&](const char* name) {
    const auto pair = ca.Client(name);
    TlsClientOptions tls;
    tls.ca_pem = ca.pem();
    tls.certificate_pem = pair.certificate_pem;
    tls.key_pem = pair.key_pem;
    return tls;
  };
  ClientOptions to;
  to.host = "127.0.0.1";
  to.port = port;
  to.tls = as("old");
  const auto client = MakeClient(io_, to).value();
  EXPECT_EQ(client->Do({}, timeout_)->body, "old");
  Signal data, done;
  absl::Status end;
  StreamCallbacks callbacks;
  callbacks.data = [&](std::string_view) { data.Raise(); };
  callbacks.done = [&](absl::Status status) {
    end = status;
    done.Raise();
  };
  const auto stream = client->DoStream({"GET", "/watch"}, callbacks, absl::InfiniteDuration());
  ASSERT_TRUE(data.Wait());
  std::string slow;
  Signal answered;
  pool_.Post([&] {
    slow = client->Do({"GET", "/slow"}, timeout_).value().body;
    answered.Raise();
  });
  ASSERT_TRUE(waiting.Wait());
  ASSERT_TRUE(client->ReloadTls(as("new")).ok());
  ASSERT_TRUE(done.Wait());
  EXPECT_EQ(end.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(client->Do({}, timeout_)->body, "new");
  go.Raise();  // what ran goes on, and its connection is not used again
  ASSERT_TRUE(answered.Wait());
  EXPECT_EQ(slow, "old");
  EXPECT_EQ(client->Do({}, timeout_)->body, "new");
  EXPECT_EQ(client->Do({}, timeout_)->body, "new");
  base::MutexLock lock(mu);
  kept = nullptr;
}

TEST_F(ConnectionTest, ManyStreamsEndWithTheirClient) {
  std::atomic<int> gone = 0;
  base::Mutex mu;
  std::vector<std::shared_ptr<Exchange>> kept;
  Signal all;
  auto client = Connect(Serve([&](std::shared_ptr<Exchange> exchange) {
    exchange->OnDisconnect([&] {
      if (++gone == 50) all.Raise();
    });
    exchange->Start(200, {});
    exchange->Write("x");
    base::MutexLock lock(mu);
    kept.push_back(std::move(exchange));
  }));
  std::atomic<int> heads = 0;
  Signal started;
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 50; ++i) {
    StreamCallbacks callbacks;
    callbacks.data = [&](std::string_view) {
      if (++heads == 50) started.Raise();
    };
    streams.push_back(client->DoStream({}, callbacks, absl::InfiniteDuration()));
  }
  ASSERT_TRUE(started.Wait());
  client.reset();
  EXPECT_TRUE(all.Wait());
  server_.reset();
}

}  // namespace
}  // namespace berth::http
