// SPDX-License-Identifier: Apache-2.0
// For tests: a whole API server over a fresh database, called without a socket.
#ifndef BERTH_CONTROLPLANE_APISERVER_API_FIXTURE_H_
#define BERTH_CONTROLPLANE_APISERVER_API_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "controlplane/apiserver/api_server.h"

namespace berth::controlplane {

// One call; the answer is there when the handler returns, a watch's pieces come later.
class TestExchange : public http::Exchange {
 public:
  TestExchange(http::Request request, http::PeerCertificate peer)
      : request_(std::move(request)), peer_(std::move(peer)) {}
  const http::Request& request() const override { return request_; }
  const std::optional<http::PeerCertificate>& peer() const override { return peer_; }
  std::string_view remote_address() const override { return "192.0.2.1:1"; }
  void Respond(http::Response response) override { response_ = std::move(response); }
  void Start(int status, http::Headers headers) override {
    response_.status = status;
    response_.headers = std::move(headers);
  }
  bool Write(std::string_view data) override {
    response_.body += data;
    return true;
  }
  size_t queued_bytes() const override { return queued; }
  void Finish() override { finished = true; }
  absl::StatusOr<std::unique_ptr<http::Tunnel>> Upgrade(http::Headers) override {
    return absl::UnimplementedError("no upgrade here");
  }
  void OnDisconnect(absl::AnyInvocable<void()> callback) override {
    disconnect = std::move(callback);
  }

  const http::Response& response() const { return response_; }
  nlohmann::json Json() const { return nlohmann::json::parse(response_.body, nullptr, false); }
  // The events of a JSON watch so far, as "ADDED name".
  std::vector<std::string> Events() const;

  size_t queued = 0;
  bool finished = false;
  absl::AnyInvocable<void()> disconnect;

 private:
  const http::Request request_;
  const std::optional<http::PeerCertificate> peer_;
  http::Response response_;
};

class ApiFixture : public ::testing::Test {
 protected:
  ApiFixture();
  ~ApiFixture() override;

  using Answer = std::shared_ptr<TestExchange>;
  Answer Call(std::string method, std::string target, std::string body = "",
              std::string content_type = "application/json", http::Headers headers = {});
  Answer Get(std::string target) { return Call("GET", std::move(target)); }
  Answer Post(std::string target, std::string body) {
    return Call("POST", std::move(target), std::move(body));
  }
  // 201 is expected.
  nlohmann::json Make(std::string target, std::string body);
  // The same database under a new server, as after a crash.
  void Restart();
  void MakeServiceAccount();  // "default" in the namespace "default"

  void Open();
  void Close();  // ends open watches, too

  base::FakeClock clock_;
  http::PeerCertificate peer_{.common_name = "admin", .organizations = {"system:masters"}};
  std::string token_key_;
  std::string folder_;
  std::unique_ptr<http::IoContext> io_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<ApiServer> server_;
  std::vector<Answer> answers_;  // of this server, to end them before it
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_API_FIXTURE_H_
