// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/prober.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <deque>

#include "api/codec.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "cri/fake_runtime.h"
#include "cri/proto/runtime_v1.pb.h"
#include "kernel/fd.h"

namespace berth::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Runs commands in whatever container.
class ExecRuntime : public cri::FakeRuntime {
 public:
  using FakeRuntime::FakeRuntime;
  absl::Status ExecSync(const cri::v1::ExecSyncRequest& request, cri::v1::ExecSyncResponse& out,
                        absl::Duration) override {
    return exec(request, out);
  }
  ExecHandler exec;
};

class ProberTest : public ::testing::Test {
 protected:
  ProberTest() {
    auto* port = container_.add_ports();
    port->set_name("web");
    port->set_container_port(8080);
  }
  // What the servers answer, in order: a status, and where a redirect leads.
  void Answer(int status, const std::string& location = "") {
    http::Response response;
    response.status = status;
    if (!location.empty()) response.headers.Set("Location", location);
    answers_.push_back(std::move(response));
  }
  ProbeAnswer Probe(const std::string& handler) {
    api::core::v1::Probe probe;
    std::string json = base::StrCat("{'timeoutSeconds':7,", handler, "}");
    std::replace(json.begin(), json.end(), '\'', '"');
    const absl::Status status = api::DecodeJson(json, probe);
    EXPECT_TRUE(status.ok()) << status;
    Prober prober(runtime_, [this](const HttpCall& call, absl::Duration timeout) {
      calls_.push_back(base::StrCat(call.https ? "https" : "http", " ", call.host, " ", call.port,
                                    " ", call.request.target));
      last_ = call;
      timeout_ = timeout;
      if (answers_.empty()) return absl::StatusOr<http::Response>(base::Unavailable("refused"));
      absl::StatusOr<http::Response> answer = answers_.front();
      answers_.pop_front();
      return answer;
    });
    return prober.Probe(probe, {pod_, container_, "id", "10.0.0.1"});
  }

  base::FakeClock clock_;
  ExecRuntime runtime_{clock_};
  api::core::v1::Pod pod_;
  api::core::v1::Container container_;
  std::deque<http::Response> answers_;
  std::vector<std::string> calls_;
  HttpCall last_;
  absl::Duration timeout_;
};

TEST_F(ProberTest, AnHttpProbeAsksThePodWithTheKubeletsHeaders) {
  Answer(200);
  EXPECT_EQ(Probe("'httpGet':{'port':'web','path':'/up'}").outcome, ProbeOutcome::kSuccess);
  EXPECT_THAT(calls_, ElementsAre("http 10.0.0.1 8080 /up"));
  EXPECT_EQ(timeout_, absl::Seconds(7));
  EXPECT_EQ(last_.request.headers.Get("Host"), "10.0.0.1:8080");
  EXPECT_EQ(last_.request.headers.Get("Accept"), "*/*");
  EXPECT_EQ(last_.request.headers.Get("Connection"), "close");
  EXPECT_THAT(std::string(last_.request.headers.Get("User-Agent")), StartsWith("kube-probe/1."));
}

TEST_F(ProberTest, HeadersSchemeAndHostAreTheProbesOwn) {
  Answer(200);
  Probe(
      "'httpGet':{'port':443,'scheme':'HTTPS','host':'192.0.2.1','httpHeaders':["
      "{'name':'Host','value':'shop.example'},{'name':'User-Agent','value':'me'}]}");
  EXPECT_THAT(calls_, ElementsAre("https 192.0.2.1 443 /"));
  EXPECT_EQ(last_.request.headers.Get("Host"), "shop.example");
  EXPECT_EQ(last_.request.headers.Get("User-Agent"), "me");
}

TEST_F(ProberTest, FromFourHundredOnItIsAFailure) {
  Answer(399, "/");
  Answer(200);
  EXPECT_EQ(Probe("'httpGet':{'port':80}").outcome, ProbeOutcome::kSuccess);
  Answer(500);
  const ProbeAnswer answer = Probe("'httpGet':{'port':80}");
  EXPECT_EQ(answer.outcome, ProbeOutcome::kFailure);
  EXPECT_EQ(answer.message, "HTTP probe failed with statuscode: 500");
  EXPECT_EQ(Probe("'httpGet':{'port':80}").message, "Get \"http://10.0.0.1:80/\": refused");
}

TEST_F(ProberTest, RedirectsAreFollowedOnTheSameHostOnly) {
  Answer(302, "/there");
  Answer(301, "https://10.0.0.1:8443/secure");
  Answer(302, "http://10.0.0.1");
  Answer(500);
  EXPECT_EQ(Probe("'httpGet':{'port':80,'path':'/here'}").outcome, ProbeOutcome::kFailure);
  EXPECT_THAT(calls_, ElementsAre("http 10.0.0.1 80 /here", "http 10.0.0.1 80 /there",
                                  "https 10.0.0.1 8443 /secure", "http 10.0.0.1 80 /"));
  calls_.clear();
  for (const char* elsewhere : {"http://example.com/", "//example.com/", "ftp://10.0.0.1/", ""}) {
    Answer(302, elsewhere);
    EXPECT_EQ(Probe("'httpGet':{'port':80}").outcome, ProbeOutcome::kWarning) << elsewhere;
  }
  EXPECT_EQ(calls_.size(), 4u);
}

TEST_F(ProberTest, ALoopOfRedirectsFails) {
  for (int i = 0; i < 11; ++i) Answer(302, "/again");
  EXPECT_EQ(Probe("'httpGet':{'port':80}").message, "stopped after 10 redirects");
}

TEST_F(ProberTest, AnUnknownPortSaysNothingOfTheContainer) {
  EXPECT_EQ(Probe("'httpGet':{'port':'admin'}").outcome, ProbeOutcome::kUnknown);
  EXPECT_EQ(Probe("'tcpSocket':{'port':'admin'}").outcome, ProbeOutcome::kUnknown);
}

TEST_F(ProberTest, ATcpProbeConnects) {
  const kernel::UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string handler =
      base::StrCat("'tcpSocket':{'host':'127.0.0.1','port':", ntohs(address.sin_port), "}");
  EXPECT_EQ(Probe(handler).outcome, ProbeOutcome::kFailure);  // nobody listens yet
  EXPECT_THAT(Probe(handler).message, HasSubstr("refused"));
  ASSERT_EQ(listen(listener.get(), 8), 0);
  EXPECT_EQ(Probe(handler).outcome, ProbeOutcome::kSuccess);
}

TEST_F(ProberTest, AnExecProbeGoesByTheExitCode) {
  int code = 0;
  runtime_.exec = [&](const cri::v1::ExecSyncRequest& request, cri::v1::ExecSyncResponse& out) {
    EXPECT_EQ(request.timeout(), 7);
    out.set_exit_code(code);
    out.set_stderr("not yet");
    return code < 0 ? absl::DeadlineExceededError("late") : absl::OkStatus();
  };
  const std::string handler = "'exec':{'command':['check','it']}";
  EXPECT_EQ(Probe(handler).outcome, ProbeOutcome::kSuccess);
  code = 1;
  EXPECT_EQ(Probe(handler).outcome, ProbeOutcome::kFailure);
  EXPECT_EQ(Probe(handler).message, "not yet");
  code = -1;
  EXPECT_EQ(Probe(handler).outcome, ProbeOutcome::kFailure);
  EXPECT_EQ(Probe(handler).message, "command timed out: \"check it\" timed out after 7s");
}

}  // namespace
}  // namespace berth::agent
