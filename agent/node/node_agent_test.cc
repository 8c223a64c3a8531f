// SPDX-License-Identifier: Apache-2.0
#include "agent/node/node_agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "api/proto/coordination/v1/coordination.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "base/status.h"
#include "client/api_client.h"
#include "client/fake_api_server.h"
#include "cri/fake_runtime.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class NodeAgentTest : public ::testing::Test {
 protected:
  NodeAgentTest() {
    identity_.name = "n1";
    identity_.addresses = {"10.0.0.1"};
    identity_.kubelet_version = "v1.35.0";
    identity_.facts.cpus = 2;
    identity_.facts.memory_bytes = 4LL << 30;
    identity_.facts.boot_id = "boot-2";
    config_.eviction_hard.clear();  // the machine's own memory and disk have no say here
  }
  void Start() {
    NodeAgentParts parts;
    parts.api = &api_;
    parts.runtime = &runtime_;
    parts.clock = &clock_;
    parts.executor = &executor_;
    parts.root_dir = "/";
    parts.pods_health = [this] { return health_; };
    parts.network_ready = [this] { ++network_ready_; };
    parts.record = [this](std::string_view, std::string_view reason, std::string_view) {
      events_.emplace_back(reason);
    };
    agent_ = std::make_unique<NodeAgent>(identity_, config_, parts);
    agent_->Start();
    executor_.RunAll();
  }
  void Advance(absl::Duration by) {
    clock_.Advance(by);
    executor_.RunAll();
  }
  core::Node Stored() {
    const auto object = server_.Get(client::kNodes, "", "n1");
    return object == nullptr ? core::Node() : static_cast<const core::Node&>(*object);
  }
  api::coordination::v1::Lease Lease() {
    const auto object = server_.Get(client::kLeases, "kube-node-lease", "n1");
    return object == nullptr ? api::coordination::v1::Lease()
                             : static_cast<const api::coordination::v1::Lease&>(*object);
  }
  int Requests(std::string_view start) {
    const auto all = server_.requests();
    return static_cast<int>(std::count_if(all.begin(), all.end(), [&](const std::string& request) {
      return request.starts_with(start);
    }));
  }
  std::string ReadyMessage() {
    const core::Node node = Stored();
    for (const auto& condition : node.status().conditions()) {
      if (condition.type() == "Ready") return condition.message();
    }
    return "";
  }

  base::FakeClock clock_;
  base::ManualExecutor executor_;
  base::ThreadPool api_pool_{"api", 2};
  client::FakeApiServer server_;
  client::ApiClient api_{client::MakeInProcessTransport(server_.handler(), api_pool_, {})};
  cri::FakeRuntime runtime_{clock_};
  NodeIdentity identity_;
  KubeletConfig config_;
  absl::Status health_;
  int network_ready_ = 0;
  std::vector<std::string> events_;
  std::unique_ptr<NodeAgent> agent_;
};

TEST_F(NodeAgentTest, ANewNodeIsReadyFromItsFirstWrite) {
  Start();
  EXPECT_TRUE(IsReady(Stored().status()));
  EXPECT_TRUE(agent_->registered());
  EXPECT_TRUE(agent_->ready());
  EXPECT_EQ(Requests("POST /api/v1/nodes"), 1);
  EXPECT_EQ(Requests("PATCH"), 0);
  EXPECT_THAT(events_, Contains("NodeReady"));
  EXPECT_EQ(network_ready_, 1);
  EXPECT_EQ(agent_->Allocatable().at("cpu"), "2");
}

TEST_F(NodeAgentTest, TheLeaseBelongsToTheNodeAndIsRenewed) {
  Start();
  Advance(absl::Milliseconds(100));
  const auto first = Lease();
  EXPECT_EQ(first.spec().holder_identity(), "n1");
  EXPECT_EQ(first.spec().lease_duration_seconds(), 40);
  ASSERT_EQ(first.metadata().owner_references_size(), 1);
  EXPECT_EQ(first.metadata().owner_references(0).kind(), "Node");
  EXPECT_EQ(first.metadata().owner_references(0).uid(), Stored().metadata().uid());
  Advance(absl::Seconds(11));
  EXPECT_GE(Lease().spec().renew_time().seconds(), first.spec().renew_time().seconds() + 10);

  auto other = Lease();  // somebody else writes it: the next renewal reads it again
  other.mutable_spec()->set_holder_identity("x");
  server_.Put(client::kLeases, other);
  Advance(absl::Seconds(11));
  EXPECT_EQ(Lease().spec().holder_identity(), "n1");
}

TEST_F(NodeAgentTest, AnExistingNodeIsTakenOver) {
  core::Node old;
  old.mutable_metadata()->set_name("n1");
  (*old.mutable_metadata()->mutable_labels())["others"] = "stay";
  old.mutable_status()->mutable_node_info()->set_boot_id("boot-1");
  server_.Put(client::kNodes, old);
  Start();
  const core::Node now = Stored();
  EXPECT_EQ(now.metadata().labels().at("others"), "stay");
  EXPECT_EQ(now.metadata().labels().at("kubernetes.io/hostname"), "n1");
  EXPECT_EQ(now.status().node_info().boot_id(), "boot-2");
  EXPECT_TRUE(IsReady(now.status()));
  EXPECT_THAT(events_, Contains("Rebooted"));
}

TEST_F(NodeAgentTest, RegistrationIsTriedAgain) {
  server_.FailNext(1, 500);
  Start();
  EXPECT_FALSE(agent_->registered());
  Advance(absl::Milliseconds(100));
  EXPECT_TRUE(agent_->registered());
}

TEST_F(NodeAgentTest, ARuntimeThatComesLateMakesTheNodeReadyWithinTenthsOfASecond) {
  runtime_.FailNext("Version", absl::UnavailableError("no socket"), 3);
  Start();
  EXPECT_EQ(ReadyMessage(), "container runtime is down: no socket");
  EXPECT_FALSE(agent_->ready());
  Advance(absl::Milliseconds(100));
  Advance(absl::Milliseconds(100));
  EXPECT_FALSE(agent_->ready());
  Advance(absl::Milliseconds(100));
  Advance(absl::Milliseconds(100));
  EXPECT_TRUE(agent_->ready());
  EXPECT_EQ(Stored().status().node_info().container_runtime_version(), "fake://1.0");
  EXPECT_THAT(events_, Contains("NodeReady"));
}

TEST_F(NodeAgentTest, ARuntimeThatIsAwayForLessThanHalfAMinuteLeavesTheNodeReady) {
  Start();
  Advance(absl::Minutes(3));
  runtime_.FailNext("Version", absl::UnavailableError("no socket"), 5);
  for (int i = 0; i < 6; ++i) {
    Advance(absl::Seconds(5));
    EXPECT_TRUE(IsReady(Stored().status())) << i;
  }
  runtime_.FailNext("Version", absl::UnavailableError("no socket"), 100);
  for (int i = 0; i < 9; ++i) Advance(absl::Seconds(5));
  EXPECT_EQ(ReadyMessage(), "container runtime is down: no socket");
  EXPECT_THAT(events_, Contains("NodeNotReady"));
}

// Both daemons were started again, the runtime later.
TEST_F(NodeAgentTest, ANodeThatIsReadyWaitsForItsRuntimeBeforeItSaysOtherwise) {
  Start();
  agent_->Stop();
  runtime_.FailNext("Version", absl::UnavailableError("no socket"), 3);
  Start();
  EXPECT_TRUE(IsReady(Stored().status()));
  for (int i = 0; i < 5; ++i) Advance(absl::Milliseconds(100));
  EXPECT_TRUE(agent_->ready());
}

TEST_F(NodeAgentTest, AnUnchangedStatusIsWrittenEveryFiveMinutes) {
  Start();
  Advance(absl::Seconds(10));
  const int before = Requests("PATCH");
  for (int i = 0; i < 28; ++i) Advance(absl::Seconds(10));
  EXPECT_EQ(Requests("PATCH"), before);
  Advance(absl::Seconds(20));
  EXPECT_EQ(Requests("PATCH"), before + 1);
}

TEST_F(NodeAgentTest, APokeReportsWhatChangedAtOnce) {
  Start();
  Advance(absl::Seconds(2));
  health_ = absl::UnavailableError("PLEG is not healthy: nothing seen for 3m");
  agent_->Poke();
  executor_.RunAll();
  EXPECT_EQ(ReadyMessage(), "PLEG is not healthy: nothing seen for 3m");
  EXPECT_THAT(events_, Contains("NodeNotReady"));
}

TEST_F(NodeAgentTest, TheRuntimeHearsThePodCidr) {
  Start();
  EXPECT_THAT(runtime_.Calls(), Not(Contains(StartsWith("UpdateRuntimeConfig"))));
  auto node = std::make_shared<core::Node>(Stored());
  node->mutable_spec()->add_pod_cidrs("10.244.3.0/24");
  agent_->NodeChanged(node);
  executor_.RunAll();
  agent_->NodeChanged(node);
  executor_.RunAll();
  const auto calls = runtime_.Calls();
  EXPECT_EQ(std::count_if(calls.begin(), calls.end(),
                          [](const auto& call) { return call.starts_with("UpdateRuntimeConfig"); }),
            1);
}

TEST_F(NodeAgentTest, AnOlderNodeDoesNotReplaceANewerOne) {
  Start();
  auto older = std::make_shared<core::Node>(Stored());
  auto newer = std::make_shared<core::Node>(*older);
  newer->mutable_spec()->add_pod_cidrs("10.244.3.0/24");
  newer->mutable_metadata()->set_resource_version(base::StrCat(1000));
  older->mutable_metadata()->set_resource_version(base::StrCat(999));
  agent_->NodeChanged(newer);
  agent_->NodeChanged(older);
  executor_.RunAll();
  EXPECT_EQ(agent_->node()->spec().pod_cidrs_size(), 1);
  EXPECT_THAT(runtime_.Calls(), Contains(StartsWith("UpdateRuntimeConfig")));

  older->mutable_metadata()->set_uid("another");  // deleted and made again
  agent_->NodeChanged(older);
  EXPECT_EQ(agent_->node()->metadata().uid(), "another");
}

TEST_F(NodeAgentTest, StopsBetweenHandlers) {
  Start();
  agent_->Stop();
  const int before = Requests("");
  Advance(absl::Minutes(10));
  EXPECT_EQ(Requests(""), before);
}

}  // namespace
}  // namespace berth::agent
