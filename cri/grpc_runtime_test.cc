// SPDX-License-Identifier: Apache-2.0
#include "cri/grpc_runtime.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "base/clock.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "cri/grpc_status.h"
#include "cri/proto/containerd_events.pb.h"
#include "cri/proto/containerd_events_service.grpc.pb.h"
#include "cri/proto/runtime_v1.grpc.pb.h"

namespace berth::cri {
namespace {

namespace containerd = ::containerd::services::events::v1;

// A runtime in the manner of containerd 1.6: no CRI events, its own event stream.
class Server : public v1::RuntimeService::Service {
 public:
  grpc::Status Version(grpc::ServerContext*, const v1::VersionRequest*,
                       v1::VersionResponse* out) override {
    out->set_runtime_name("tiny");
    return grpc::Status::OK;
  }
  grpc::Status StopPodSandbox(grpc::ServerContext*, const v1::StopPodSandboxRequest*,
                              v1::StopPodSandboxResponse*) override {
    return grpc::Status(grpc::NOT_FOUND, "rpc error: code = NotFound desc = no such sandbox");
  }
  grpc::Status PodSandboxStatus(grpc::ServerContext*, const v1::PodSandboxStatusRequest*,
                                v1::PodSandboxStatusResponse*) override {
    return grpc::Status(grpc::NOT_FOUND, "rpc error: code = NotFound desc = no such sandbox");
  }
  grpc::Status ListContainers(grpc::ServerContext* context, const v1::ListContainersRequest*,
                              v1::ListContainersResponse*) override {
    while (!context->IsCancelled()) usleep(1000);
    return grpc::Status::CANCELLED;
  }
};

class Events : public containerd::Events::Service {
 public:
  grpc::Status Subscribe(grpc::ServerContext* context, const containerd::SubscribeRequest*,
                         grpc::ServerWriter<containerd::Envelope>* writer) override {
    const auto send = [&](const std::string& topic, const google::protobuf::Message& event) {
      containerd::Envelope envelope;
      envelope.set_topic(topic);
      envelope.mutable_event()->set_value(event.SerializeAsString());
      writer->Write(envelope);
    };
    ::containerd::events::TaskStart start;
    start.set_container_id("c1");
    send("/tasks/start", start);
    ::containerd::events::TaskExit exec;
    exec.set_container_id("c1");
    exec.set_id("exec-1");
    send("/tasks/exit", exec);
    ::containerd::events::TaskExit exit;
    exit.set_container_id("c1");
    exit.set_id("c1");
    send("/tasks/exit", exit);
    while (!context->IsCancelled()) usleep(1000);
    return grpc::Status::CANCELLED;
  }
};

class GrpcRuntimeTest : public ::testing::Test {
 protected:
  GrpcRuntimeTest() {
    char name[] = "/tmp/criXXXXXX";
    dir_ = mkdtemp(name);
    socket_ = base::StrCat("unix://", dir_, "/s");
    grpc::ServerBuilder builder;
    builder.AddListeningPort(socket_, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    builder.RegisterService(&events_);
    server_ = builder.BuildAndStart();
    runtime_ = *GrpcRuntime::Make(socket_);
  }
  ~GrpcRuntimeTest() override {
    server_->Shutdown(std::chrono::system_clock::now());
    std::filesystem::remove_all(dir_);
  }

  std::string dir_;
  std::string socket_;
  Server service_;
  Events events_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<GrpcRuntime> runtime_;
};

TEST_F(GrpcRuntimeTest, CallsReachTheRuntime) {
  v1::VersionResponse version;
  ASSERT_TRUE(runtime_->Version({}, version, absl::Seconds(10)).ok());
  EXPECT_EQ(version.runtime_name(), "tiny");
}

TEST_F(GrpcRuntimeTest, StoppingWhatIsGoneSucceedsAndReadingItDoesNot) {
  v1::StopPodSandboxResponse stopped;
  EXPECT_TRUE(runtime_->StopPodSandbox({}, stopped, absl::Seconds(10)).ok());
  v1::PodSandboxStatusResponse status;
  const absl::Status error = runtime_->PodSandboxStatus({}, status, absl::Seconds(10));
  EXPECT_TRUE(absl::IsNotFound(error));
  EXPECT_EQ(error.message(), "no such sandbox");
}

TEST_F(GrpcRuntimeTest, AHungCallEndsAtItsDeadline) {
  v1::ListContainersResponse out;
  EXPECT_TRUE(absl::IsDeadlineExceeded(runtime_->ListContainers({}, out, absl::Milliseconds(20))));
}

TEST_F(GrpcRuntimeTest, FallsBackToContainerdsEventsAndLeavesExecsOut) {
  base::RealClock clock;
  base::ThreadPool pool("test", 2);
  base::Mutex mu;
  base::CondVar changed;
  std::vector<std::string> seen;
  auto source = runtime_->MakeEventSource(pool, clock);
  source->Start([&](const Event& event) {
    base::MutexLock l(mu);
    if (!event.id.empty()) {
      seen.push_back(base::StrCat(event.id, event.kind == EventKind::kStarted ? "+" : "-"));
    }
    changed.NotifyAll();
  });
  base::MutexLock l(mu);
  while (seen.size() < 2) changed.Wait(mu);
  EXPECT_THAT(seen, ::testing::ElementsAre("c1+", "c1-"));
  mu.Unlock();
  source->Stop();
  mu.Lock();
}

TEST(GrpcRuntime, RefusesEndpointsThatAreNoUnixSockets) {
  EXPECT_TRUE(absl::IsInvalidArgument(GrpcRuntime::Make("tcp://1.2.3.4:5").status()));
}

TEST(GrpcStatus, NestedPrefixesOfGoServersAreStripped) {
  EXPECT_EQ(StripRpcPrefix("rpc error: code = Unknown desc = rpc error: code = NotFound desc = x"),
            "x");
  EXPECT_EQ(StripRpcPrefix("plain"), "plain");
}

}  // namespace
}  // namespace berth::cri
