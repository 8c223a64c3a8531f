// SPDX-License-Identifier: Apache-2.0
// Against the health service that the gRPC library serves itself.
#include "agent/probes/grpc_health.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"
#include "cri/fake_runtime.h"
#include "kernel/fd.h"

namespace berth::agent {
namespace {

using ::testing::StartsWith;

constexpr absl::Duration kPatience = absl::Seconds(30);

class GrpcHealthTest : public ::testing::Test {
 protected:
  void Serve(bool with_health = true, const std::string& host = "127.0.0.1") {
    grpc::EnableDefaultHealthCheckService(with_health);
    grpc::ServerBuilder builder;
    builder.AddListeningPort(base::StrCat(host, ":0"), grpc::InsecureServerCredentials(), &port_);
    builder.RegisterAsyncGenericService(&generic_);
    queue_ = builder.AddCompletionQueue();
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void TearDown() override {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now());
    queue_->Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_->Next(&tag, &ok)) continue;
  }
  ProbeAnswer Check(const std::string& service = "", absl::Duration timeout = kPatience) {
    return CheckGrpcHealth("127.0.0.1", port_, service, timeout);
  }

  int port_ = 0;
  grpc::AsyncGenericService generic_;  // takes every other call and never answers it
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(GrpcHealthTest, AServerThatServesIsHealthy) {
  Serve();
  const ProbeAnswer answer = Check();
  EXPECT_EQ(answer.outcome, ProbeOutcome::kSuccess) << answer.message;
  EXPECT_EQ(answer.message, "service healthy");
}

TEST_F(GrpcHealthTest, ServicesAreAskedByName) {
  Serve();
  server_->GetHealthCheckService()->SetServingStatus("db", false);
  server_->GetHealthCheckService()->SetServingStatus("web", true);
  EXPECT_EQ(Check("web").outcome, ProbeOutcome::kSuccess);
  EXPECT_EQ(Check("db").outcome, ProbeOutcome::kFailure);
  EXPECT_EQ(Check("db").message, "service unhealthy (responded with \"NOT_SERVING\")");
  EXPECT_THAT(Check("cache").message, StartsWith("error: health rpc probe failed: "));
  server_->GetHealthCheckService()->SetServingStatus("db", true);
  EXPECT_EQ(Check("db").outcome, ProbeOutcome::kSuccess);
}

TEST_F(GrpcHealthTest, ASilentServerFailsAtTheDeadline) {
  Serve(/*with_health=*/false);
  const ProbeAnswer answer = Check("", absl::Milliseconds(500));
  EXPECT_EQ(answer.outcome, ProbeOutcome::kFailure);
  EXPECT_EQ(answer.message, "timeout: health rpc did not complete within 500ms");
}

TEST_F(GrpcHealthTest, NobodyThereIsATimeoutAsWell) {
  // A port that is taken and does not listen.
  const kernel::UniqueFd taken(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(taken.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  socklen_t size = sizeof(address);
  ASSERT_EQ(getsockname(taken.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
  EXPECT_EQ(Check("", absl::Milliseconds(300)).message,
            base::StrCat("timeout: failed to connect service \"127.0.0.1:", port_,
                         "\" within 300ms: context deadline exceeded"));
}

TEST_F(GrpcHealthTest, AProbeOfAPodIsOne) {
  Serve();
  base::FakeClock clock;
  cri::FakeRuntime runtime(clock);
  Prober prober(runtime, nullptr);
  api::core::v1::Pod pod;
  api::core::v1::Probe probe;
  probe.mutable_handler()->mutable_grpc()->set_port(port_);
  probe.set_timeout_seconds(30);
  const api::core::v1::Container container;
  const ProbeTarget target{pod, container, "id", "127.0.0.1"};
  EXPECT_EQ(prober.Probe(probe, target).outcome, ProbeOutcome::kSuccess);
  probe.mutable_handler()->mutable_grpc()->set_service("none");
  EXPECT_EQ(prober.Probe(probe, target).outcome, ProbeOutcome::kFailure);
}

}  // namespace
}  // namespace berth::agent
