// SPDX-License-Identifier: Apache-2.0
#include "agent/server/kubelet_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "agent/certs/serving_certificate.h"
#include "agent/pods/pod_directory.h"
#include "api/proto/core/v1/containers.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"
#include "cri/fake_runtime.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// An exchange that keeps its answer.
class FakeExchange : public http::Exchange {
 public:
  FakeExchange(std::string_view method, std::string_view target) {
    request_.method = method;
    request_.target = target;
  }
  const http::Request& request() const override { return request_; }
  const std::optional<http::PeerCertificate>& peer() const override { return peer_; }
  std::string_view remote_address() const override { return "10.0.0.9:1"; }
  void Respond(http::Response response) override { Done(std::move(response)); }
  void Start(int status, http::Headers headers) override {
    base::MutexLock lock(mu_);
    answer_.status = status;
    answer_.headers = std::move(headers);
  }
  bool Write(std::string_view data) override {
    base::MutexLock lock(mu_);
    answer_.body += data;
    return true;
  }
  size_t queued_bytes() const override { return 0; }
  void Finish() override {
    base::MutexLock lock(mu_);
    done_ = true;
    changed_.NotifyAll();
  }
  absl::StatusOr<std::unique_ptr<http::Tunnel>> Upgrade(http::Headers) override {
    return absl::UnimplementedError("no upgrade in this test");
  }
  void OnDisconnect(absl::AnyInvocable<void()>) override {}

  http::Response Wait() {
    base::MutexLock lock(mu_);
    while (!done_) changed_.Wait(mu_);
    return answer_;
  }
  http::Request request_;
  std::optional<http::PeerCertificate> peer_;

 private:
  void Done(http::Response response) {
    base::MutexLock lock(mu_);
    answer_ = std::move(response);
    done_ = true;
    changed_.NotifyAll();
  }
  base::Mutex mu_;
  base::CondVar changed_;
  http::Response answer_;
  bool done_ = false;
};

class FakePods : public PodDirectory {
 public:
  std::vector<std::shared_ptr<const core::Pod>> Pods() const override { return {pod}; }
  std::shared_ptr<const core::Pod> FindPod(std::string_view ns,
                                           std::string_view name) const override {
    return ns == "ns" && name == "web" ? pod : nullptr;
  }
  std::optional<ContainerRef> FindContainer(std::string_view, std::string_view,
                                            std::string_view container,
                                            bool previous) const override {
    if (container != "app" || previous) return std::nullopt;
    return ref;
  }
  std::optional<std::string> FindSandbox(std::string_view, std::string_view name) const override {
    if (name != "web") return std::nullopt;
    return "sandbox";
  }
  std::shared_ptr<core::Pod> pod = std::make_shared<core::Pod>();
  ContainerRef ref{"id", "sandbox", "uid", "", 0, true};
};

class KubeletServerTest : public ::testing::Test {
 protected:
  KubeletServerTest() {
    config_.authorization_mode = "AlwaysAllow";
    config_.anonymous_enabled = true;
    pods_.pod->mutable_metadata()->set_name("web");
    pods_.pod->mutable_metadata()->set_namespace_("ns");
    for (const char* name : {"app", "slow"}) {
      pods_.pod->mutable_spec()->add_containers()->set_name(name);
    }
    auto* status = pods_.pod->mutable_status()->add_container_statuses();
    status->set_name("slow");
    status->mutable_state()->mutable_waiting()->set_reason("PodInitializing");
  }
  http::Response Ask(std::string_view target, std::string_view method = "GET",
                     std::string_view user = "") {
    RequestAuth auth(config_, "n1", nullptr, clock_);
    LogStreams logs;
    http::IoContext io(1);
    StreamingProxy streaming(io);
    KubeletServerParts parts;
    parts.auth = &auth;
    parts.pods = &pods_;
    parts.runtime = &runtime_;
    parts.logs = &logs;
    parts.streaming = &streaming;
    parts.clock = &clock_;
    parts.healthy = [this] { return healthy_; };
    KubeletServer server(config_, "n1", "v1.35.0", parts);
    auto exchange = std::make_shared<FakeExchange>(method, target);
    if (!user.empty()) exchange->peer_ = http::PeerCertificate{std::string(user), {"g"}};
    server.Handle(exchange);
    return exchange->Wait();
  }

  base::FakeClock clock_;
  cri::FakeRuntime runtime_{clock_};
  FakePods pods_;
  KubeletConfig config_;
  absl::Status healthy_;
};

TEST_F(KubeletServerTest, Healthz) {
  EXPECT_EQ(Ask("/healthz").body, "ok");
  EXPECT_EQ(Ask("/healthz/ping").status, 200);
  healthy_ = absl::UnavailableError("PLEG is not healthy");
  EXPECT_EQ(Ask("/healthz").status, 500);
  EXPECT_THAT(Ask("/healthz/syncloop").body, HasSubstr("PLEG is not healthy"));
  EXPECT_EQ(Ask("/healthz/ping").status, 200);
}

TEST_F(KubeletServerTest, PodsAreAPodList) {
  const auto json = nlohmann::json::parse(Ask("/pods").body);
  EXPECT_EQ(json["kind"], "PodList");
  EXPECT_EQ(json["items"][0]["metadata"]["name"], "web");
}

TEST_F(KubeletServerTest, MetricsAndConfig) {
  EXPECT_THAT(Ask("/metrics").body, HasSubstr("kubelet_node_name{node=\"n1\"} 1\n"));
  EXPECT_EQ(nlohmann::json::parse(Ask("/configz").body)["kubeletconfig"]["port"], 10250);
  EXPECT_EQ(nlohmann::json::parse(Ask("/stats/summary").body)["node"]["nodeName"], "n1");
  EXPECT_EQ(nlohmann::json::parse(Ask("/runningpods").body)["kind"], "PodList");
}

TEST_F(KubeletServerTest, NobodyUnknownGetsIn) {
  config_.anonymous_enabled = false;
  EXPECT_EQ(Ask("/pods").status, 401);
  EXPECT_EQ(Ask("/pods", "GET", "admin").status, 200);
  config_.authorization_mode = "Webhook";
  const http::Response forbidden = Ask("/pods", "GET", "eve");
  EXPECT_EQ(forbidden.status, 403);
  EXPECT_EQ(forbidden.body,
            "Forbidden (user=eve, verb=get, resource=nodes, subresource(s)=[pods proxy])\n");
}

TEST_F(KubeletServerTest, WrongMethodsAndPaths) {
  EXPECT_EQ(Ask("/pods", "POST").status, 405);
  EXPECT_EQ(Ask("/exec/ns/web/app", "DELETE").status, 405);
  EXPECT_EQ(Ask("/nothing").status, 404);
  EXPECT_EQ(Ask("/").status, 404);
  config_.enable_debugging_handlers = false;
  EXPECT_EQ(Ask("/containerLogs/ns/web/app").body, "Debug endpoints are disabled.\n");
}

TEST_F(KubeletServerTest, LogErrorsSayWhatIsWrong) {
  EXPECT_EQ(Ask("/containerLogs/ns/none/app").body, "pod \"none\" does not exist\n");
  EXPECT_EQ(Ask("/containerLogs/ns/web/none").body,
            "container \"none\" not found in pod \"web\"\n");
  const http::Response waiting = Ask("/containerLogs/ns/web/slow");
  EXPECT_EQ(waiting.status, 400);
  EXPECT_EQ(waiting.body,
            "container \"slow\" in pod \"web\" is waiting to start: PodInitializing\n");
  EXPECT_EQ(Ask("/containerLogs/ns/web/app?previous=true").body,
            "previous terminated container \"app\" in pod \"web\" not found\n");
  EXPECT_EQ(Ask("/containerLogs/ns/web/app?tailLines=x").status, 422);
}

TEST_F(KubeletServerTest, LogsAreStreamed) {
  std::string folder = testing::TempDir() + "/slogXXXXXX";
  pods_.ref.log_path = std::string(mkdtemp(folder.data())) + "/0.log";
  std::ofstream(pods_.ref.log_path) << "2026-01-01T00:00:01Z stdout F one\n"
                                       "2026-01-01T00:00:02Z stderr F two\n";
  EXPECT_EQ(Ask("/containerLogs/ns/web/app").body, "one\ntwo\n");
  EXPECT_EQ(Ask("/containerLogs/ns/web/app?tailLines=1&timestamps=true").body,
            "2026-01-01T00:00:02Z two\n");
  pods_.ref.running = false;  // follow ends with the container
  EXPECT_EQ(Ask("/containerLogs/ns/web/app?follow=true").body, "one\ntwo\n");
  std::filesystem::remove_all(folder);
}

TEST_F(KubeletServerTest, ExecNeedsAStreamAndARunningContainer) {
  EXPECT_EQ(Ask("/exec/ns/web/app?command=ls", "POST").body,
            "you must specify at least 1 of stdin, stdout, stderr\n");
  EXPECT_EQ(Ask("/exec/ns/web/none?command=ls&output=1", "POST").status, 404);
  runtime_.FailNext("Exec", absl::UnavailableError("no runtime"));
  EXPECT_EQ(Ask("/exec/ns/web/app?command=ls&output=1", "POST").body, "no runtime\n");
  EXPECT_EQ(Ask("/portForward/ns/none?port=80", "POST").status, 404);
  EXPECT_EQ(Ask("/portForward/ns/web?port=0", "POST").status, 400);
}

TEST(SubresourcesOf, Table) {
  EXPECT_THAT(SubresourcesOf("/stats/summary"), ElementsAre("stats"));
  EXPECT_THAT(SubresourcesOf("/metrics"), ElementsAre("metrics"));
  EXPECT_THAT(SubresourcesOf("/metricsx"), ElementsAre("proxy"));
  EXPECT_THAT(SubresourcesOf("/pods"), ElementsAre("pods", "proxy"));
  EXPECT_THAT(SubresourcesOf("/exec/a/b/c"), ElementsAre("proxy"));
}

TEST(StreamingUrl, Table) {
  const auto url = StreamingUrl::Parse("http://127.0.0.1:41235/exec/tok?x=1");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->host, "127.0.0.1");
  EXPECT_EQ(url->port, 41235);
  EXPECT_EQ(url->target, "/exec/tok?x=1");
  EXPECT_EQ(StreamingUrl::Parse("http://[::1]:1/")->host, "::1");
  EXPECT_EQ(StreamingUrl::Parse("http://h")->port, 80);
  for (std::string_view bad : {"", "https://h/", "http://", "http://h:x/", "http://h:99999/"}) {
    EXPECT_FALSE(StreamingUrl::Parse(bad).ok()) << bad;
  }
}

TEST(ServingCertificate, IsKeptWhileItFits) {
  std::string folder = testing::TempDir() + "/certXXXXXX";
  const std::string path = std::string(mkdtemp(folder.data())) + "/pki";
  const absl::Time now = absl::Now();
  const auto first = LoadOrMakeSelfSigned(path, "n1", {"10.0.0.1"}, now);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(IsGoodFor(*first, "n1", {"10.0.0.1"}, now));
  EXPECT_FALSE(IsGoodFor(*first, "n2", {}, now));
  EXPECT_FALSE(IsGoodFor(*first, "n1", {"10.0.0.2"}, now));
  EXPECT_FALSE(IsGoodFor(*first, "n1", {}, now + absl::Hours(24 * 365)));
  EXPECT_EQ(LoadOrMakeSelfSigned(path, "n1", {"10.0.0.1"}, now)->key_pem, first->key_pem);
  EXPECT_NE(LoadOrMakeSelfSigned(path, "n1", {"10.0.0.2"}, now)->key_pem, first->key_pem);
  EXPECT_EQ(std::filesystem::status(path + "/kubelet.key").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace berth::agent
