// SPDX-License-Identifier: Apache-2.0
// What the tests of the API share.
#include <filesystem>
#include <sstream>

#include "controlplane/apiserver/api_fixture.h"
#include "controlplane/pki/key.h"

namespace berth::controlplane {

std::vector<std::string> TestExchange::Events() const {
  std::vector<std::string> out;
  std::istringstream lines(response_.body);
  for (std::string line; std::getline(lines, line);) {
    const auto event = nlohmann::json::parse(line, nullptr, false);
    out.push_back(event.value("type", "?") + " " + event["object"]["metadata"].value("name", ""));
  }
  return out;
}

ApiFixture::ApiFixture()
    : token_key_(*PrivateKey::Generate()->ToPem()), io_(std::make_unique<http::IoContext>(1)) {
  std::string path = ::testing::TempDir() + "/api-XXXXXX";
  folder_ = ::mkdtemp(path.data());
  Open();
}

void ApiFixture::Open() {
  auto store = OpenSqliteStore({.path = folder_ + "/state.db"});
  EXPECT_TRUE(store.ok()) << store.status();
  store_ = *std::move(store);
  ApiServerOptions options;
  options.version.git_version = "v1.35.0+test";
  options.token_key_pem = token_key_;
  options.advertise_address = "192.0.2.10";
  auto server = ApiServer::Make(*store_, clock_, *io_, options);
  EXPECT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  const absl::Status status = server_->Bootstrap();
  EXPECT_TRUE(status.ok()) << status;
}

void ApiFixture::Close() {
  // As connections end before a server does: what a watch holds goes with it.
  for (const Answer& answer : answers_) {
    if (answer->disconnect) answer->disconnect();
  }
  answers_.clear();
  server_.reset();
  store_.reset();
}

void ApiFixture::Restart() {
  Close();
  Open();
}

ApiFixture::~ApiFixture() {
  Close();
  std::filesystem::remove_all(folder_);
}

ApiFixture::Answer ApiFixture::Call(std::string method, std::string target, std::string body,
                                    std::string content_type, http::Headers headers) {
  http::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers = std::move(headers);
  if (!body.empty()) request.headers.Set("Content-Type", content_type);
  request.body = std::move(body);
  auto exchange = std::make_shared<TestExchange>(std::move(request), peer_);
  answers_.push_back(exchange);
  server_->handler()(exchange);
  return exchange;
}

nlohmann::json ApiFixture::Make(std::string target, std::string body) {
  const Answer answer = Post(target, std::move(body));
  EXPECT_EQ(answer->response().status, 201) << target << ": " << answer->response().body;
  return answer->Json();
}

void ApiFixture::MakeServiceAccount() {
  Make("/api/v1/namespaces/default/serviceaccounts", R"({"metadata":{"name":"default"}})");
}

}  // namespace berth::controlplane
