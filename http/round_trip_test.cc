// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/executor.h"
#include "base/status.h"
#include "http/client.h"
#include "http/server.h"
#include "http/test_certs.h"

namespace berth::http {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Response Text(std::string body, int status = 200) {
  return {status, {{"Content-Type", "text/plain"}}, std::move(body)};
}

class RoundTripTest : public testing::Test {
 protected:
  int Serve(Handler handler, ServerOptions options = {}) {
    auto server = MakeServer(io_, pool_, std::move(options), std::move(handler));
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    return server_->Listen("127.0.0.1:0").value();
  }
  std::unique_ptr<Client> Connect(int port, std::optional<TlsClientOptions> tls = {}) {
    ClientOptions options;
    options.host = "127.0.0.1";
    options.port = port;
    options.tls = std::move(tls);
    return MakeClient(io_, options).value();
  }
  ServerOptions WithTls(bool ask_client = false) {
    const auto identity = ca_.Server();
    ServerOptions options;
    options.tls =
        TlsServerOptions{identity.certificate_pem, identity.key_pem, ask_client ? ca_.pem() : ""};
    return options;
  }
  TlsClientOptions Trusting(const TestCa& ca) {
    TlsClientOptions tls;
    tls.ca_pem = ca.pem();
    return tls;
  }

  const absl::Duration timeout_ = absl::Seconds(20);
  TestCa ca_;
  IoContext io_;
  base::ThreadPool pool_{"handlers", 4};
  std::unique_ptr<Server> server_;
};

void Echo(std::shared_ptr<Exchange> exchange) {
  Response response = Text(exchange->request().body);
  response.headers.Set("X-Method", exchange->request().method);
  response.headers.Set("X-Target", exchange->request().target);
  exchange->Respond(std::move(response));
}

TEST_F(RoundTripTest, PlainRequestsOnOneConnectionEchoTheirBodies) {
  const auto client = Connect(Serve(Echo));
  for (const size_t size : {0, 1, 1000, 2'000'000}) {
    Request request{"POST", "/a?b=c", {}, std::string(size, 'x')};
    const auto response = client->Do(request, timeout_);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, request.body);
    EXPECT_EQ(response->headers.Get("x-method"), "POST");
    EXPECT_EQ(response->headers.Get("x-target"), "/a?b=c");
  }
}

TEST_F(RoundTripTest, TlsRequestsEchoTheirBodies) {
  const auto client = Connect(Serve(Echo, WithTls()), Trusting(ca_));
  for (const size_t size : {0, 1, 1000, 2'000'000}) {
    Request request{"PUT", "/", {}, std::string(size, 'x')};
    const auto response = client->Do(request, timeout_);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->body, request.body);
  }
}

TEST_F(RoundTripTest, ServerLearnsTheClientFromItsCertificate) {
  const int port = Serve(
      [](auto exchange) {
        const auto& peer = exchange->peer();
        if (!peer) return exchange->Respond(Text("anonymous"));
        std::string text = peer->common_name;
        for (const auto& o : peer->organizations) text += "|" + o;
        exchange->Respond(Text(text));
      },
      WithTls(/*ask_client=*/true));
  auto tls = Trusting(ca_);
  EXPECT_EQ(Connect(port, tls)->Do({}, timeout_)->body, "anonymous");
  const auto identity = ca_.Client("system:node:a", {"system:nodes", "other"});
  tls.certificate_pem = identity.certificate_pem;
  tls.key_pem = identity.key_pem;
  EXPECT_EQ(Connect(port, tls)->Do({}, timeout_)->body, "system:node:a|system:nodes|other");
}

TEST_F(RoundTripTest, ClientCertificateOfAnotherAuthorityIsRefused) {
  const int port = Serve(Echo, WithTls(/*ask_client=*/true));
  const TestCa other("other-ca");
  const auto identity = other.Client("admin", {"system:masters"});
  auto tls = Trusting(ca_);
  tls.certificate_pem = identity.certificate_pem;
  tls.key_pem = identity.key_pem;
  const auto response = Connect(port, tls)->Do({}, timeout_);
  EXPECT_TRUE(absl::IsUnavailable(response.status())) << response.status();
}

TEST_F(RoundTripTest, ServerOfAnUnknownAuthorityIsRefused) {
  const int port = Serve(Echo, WithTls());
  const TestCa other("other-ca");
  const auto response = Connect(port, Trusting(other))->Do({}, timeout_);
  EXPECT_TRUE(absl::IsUnavailable(response.status()));
  EXPECT_THAT(std::string(base::Message(response.status())),
              HasSubstr("certificate signed by unknown authority"));
}

TEST_F(RoundTripTest, ServerWithAnotherNameIsRefused) {
  const int port = Serve(Echo, WithTls());
  auto tls = Trusting(ca_);
  tls.server_name = "elsewhere";
  const auto response = Connect(port, tls)->Do({}, timeout_);
  EXPECT_THAT(std::string(base::Message(response.status())),
              HasSubstr("certificate is valid for localhost, 127.0.0.1, not elsewhere"));
  tls.insecure_skip_verify = true;
  EXPECT_EQ(Connect(port, tls)->Do({}, timeout_)->status, 200);
}

TEST_F(RoundTripTest, NothingListeningIsUnavailable) {
  const int port = Serve(Echo);
  server_.reset();
  const auto response = Connect(port)->Do({}, timeout_);
  EXPECT_TRUE(absl::IsUnavailable(response.status()));
  EXPECT_THAT(std::string(base::Message(response.status())), HasSubstr("refused"));
}

TEST_F(RoundTripTest, HeadHasTheLengthButNoBody) {
  const auto client = Connect(Serve([](auto exchange) { exchange->Respond(Text("12345")); }));
  for (int i = 0; i < 2; ++i) {
    const auto response = client->Do({.method = "HEAD"}, timeout_);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->headers.Get("Content-Length"), "5");
    EXPECT_EQ(response->body, "");
  }
}

TEST_F(RoundTripTest, ForgottenExchangeAndExceptionAnswer500) {
  const auto client = Connect(Serve([](auto exchange) {
    if (exchange->request().target == "/throw") throw std::runtime_error("oops");
  }));
  EXPECT_EQ(client->Do({.target = "/forget"}, timeout_)->status, 500);
  EXPECT_EQ(client->Do({.target = "/throw"}, timeout_)->status, 500);
}

TEST_F(RoundTripTest, AnswerWithoutBodyKeepsTheConnection) {
  const auto client = Connect(Serve([](auto exchange) { exchange->Respond({204, {}, ""}); }));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client->Do({}, timeout_)->status, 204);
}

TEST_F(RoundTripTest, StreamedAnswerComesWhole) {
  const auto client = Connect(Serve([](auto exchange) {
    exchange->Start(200, {});
    for (int i = 0; i < 1000; ++i) exchange->Write(std::string(1000, 'a' + i % 26));
    exchange->Finish();
  }));
  for (int i = 0; i < 2; ++i) {
    const auto response = client->Do({}, timeout_);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->body.size(), 1'000'000u);
    EXPECT_EQ(response->body[27'500], 'b');
  }
}

}  // namespace
}  // namespace berth::http
