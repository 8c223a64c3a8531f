// SPDX-License-Identifier: Apache-2.0
#include "agent/status/pod_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;
using api::core::v1::PodStatus;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

class PodStatusTest : public ::testing::Test {
 protected:
  PodStatusTest() {
    pod_.mutable_metadata()->set_name("web");
    pod_.mutable_metadata()->set_uid("u1");
    pod_.mutable_metadata()->set_generation(3);
    pod_.mutable_spec()->set_restart_policy("Always");
    AddApp("app");
    ObservedSandbox sandbox;
    sandbox.id = "s";
    sandbox.ready = true;
    sandbox.ips = {"10.0.0.9"};
    seen_.sandboxes = {sandbox};
  }
  void AddApp(const std::string& name) {
    auto* c = pod_.mutable_spec()->add_containers();
    c->set_name(name);
    c->set_image("image:1");
  }
  ObservedContainer& See(const std::string& name, ContainerPhase phase, int restarts = 0) {
    ObservedContainer c;
    c.id = base::StrCat(name, restarts);
    c.name = name;
    c.sandbox_id = "s";
    c.phase = phase;
    c.restart_count = restarts;
    c.image = "image:1";
    c.image_id = "sha256:abc";
    c.started_at = kNow - absl::Seconds(5);
    if (phase == ContainerPhase::kRunning) probes_.started.insert(c.id);
    seen_.containers.insert(seen_.containers.begin(), c);
    return seen_.containers.front();
  }
  ObservedContainer& Exit(const std::string& name, int code, int restarts = 0) {
    ObservedContainer& c = See(name, ContainerPhase::kExited, restarts);
    c.exit_code = code;
    c.finished_at = kNow - absl::Seconds(1);
    return c;
  }
  PodStatus Compute() {
    return ComputePodStatus({pod_,
                             seen_,
                             probes_,
                             [this](const std::string&) { return ready_; },
                             waiting_,
                             verdict_,
                             {"192.168.0.1"},
                             "containerd",
                             kNow,
                             terminating_});
  }
  static std::string Condition(const PodStatus& status, std::string_view type) {
    for (const auto& c : status.conditions()) {
      if (c.type() == type) {
        return base::StrCat(c.status(), c.reason().empty() ? "" : "/", c.reason(),
                            c.message().empty() ? "" : ": ", c.message());
      }
    }
    return "absent";
  }

  Pod pod_;
  PodObservation seen_;
  ProbeView probes_;
  std::map<std::string, Waiting, std::less<>> waiting_;
  std::optional<PodVerdict> verdict_;
  bool ready_ = true;
  bool terminating_ = false;
};

TEST_F(PodStatusTest, APodThatRuns) {
  See("app", ContainerPhase::kRunning);
  const PodStatus status = Compute();
  EXPECT_EQ(status.phase(), "Running");
  EXPECT_EQ(status.pod_ip(), "10.0.0.9");
  EXPECT_EQ(status.host_ip(), "192.168.0.1");
  EXPECT_EQ(status.qos_class(), "BestEffort");
  EXPECT_EQ(status.observed_generation(), 3);
  EXPECT_EQ(status.start_time().seconds(), absl::ToUnixSeconds(kNow));
  const auto& container = status.container_statuses(0);
  EXPECT_TRUE(container.ready());
  EXPECT_TRUE(container.started());
  EXPECT_EQ(container.container_id(), "containerd://app0");
  EXPECT_EQ(container.image_id(), "sha256:abc");
  EXPECT_TRUE(container.state().has_running());
  for (const char* type :
       {"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"}) {
    EXPECT_EQ(Condition(status, type), "True") << type;
  }
}

TEST_F(PodStatusTest, BeforeAnythingExists) {
  seen_ = {};
  const PodStatus status = Compute();
  EXPECT_EQ(status.phase(), "Pending");
  EXPECT_EQ(status.container_statuses(0).state().waiting().reason(), "ContainerCreating");
  EXPECT_EQ(Condition(status, "PodReadyToStartContainers"), "False");
  EXPECT_EQ(Condition(status, "Ready"),
            "False/ContainersNotReady: containers with unready status: [app]");
  EXPECT_EQ(Condition(status, "Initialized"), "True");
}

TEST_F(PodStatusTest, AppsWaitForInitContainers) {
  pod_.mutable_spec()->add_init_containers()->set_name("init");
  See("init", ContainerPhase::kRunning);
  const PodStatus status = Compute();
  EXPECT_EQ(status.phase(), "Pending");
  EXPECT_EQ(status.container_statuses(0).state().waiting().reason(), "PodInitializing");
  EXPECT_FALSE(status.init_container_statuses(0).ready());
  EXPECT_EQ(Condition(status, "Initialized"),
            "False/ContainersNotInitialized: containers with incomplete status: [init]");
}

TEST_F(PodStatusTest, AnInitContainerThatIsDoneIsReady) {
  pod_.mutable_spec()->add_init_containers()->set_name("init");
  Exit("init", 0);
  See("app", ContainerPhase::kRunning);
  const PodStatus status = Compute();
  EXPECT_TRUE(status.init_container_statuses(0).ready());
  EXPECT_EQ(status.init_container_statuses(0).state().terminated().reason(), "Completed");
  EXPECT_EQ(Condition(status, "Initialized"), "True");
  EXPECT_EQ(status.phase(), "Running");
}

TEST_F(PodStatusTest, ACrashLoopKeepsThePodRunning) {
  Exit("app", 1, 2).reason = "Error";
  waiting_["app"] = {"CrashLoopBackOff", "back-off 20s"};
  const PodStatus status = Compute();
  EXPECT_EQ(status.phase(), "Running");
  const auto& container = status.container_statuses(0);
  EXPECT_EQ(container.state().waiting().reason(), "CrashLoopBackOff");
  EXPECT_EQ(container.last_state().terminated().exit_code(), 1);
  EXPECT_EQ(container.restart_count(), 2);
  EXPECT_FALSE(container.ready());
  EXPECT_EQ(Condition(status, "Ready"),
            "False/ContainersNotReady: containers with unready status: [app]");
}

TEST_F(PodStatusTest, TheInstanceBeforeIsTheLastState) {
  Exit("app", 137, 0).reason = "OOMKilled";
  See("app", ContainerPhase::kRunning, 1);
  const auto status = Compute().container_statuses(0);
  EXPECT_EQ(status.last_state().terminated().reason(), "OOMKilled");
  EXPECT_EQ(status.restart_count(), 1);
}

TEST_F(PodStatusTest, ABadImageIsPending) {
  waiting_["app"] = {"ErrImagePull", "no such image"};
  const PodStatus status = Compute();
  EXPECT_EQ(status.phase(), "Pending");
  EXPECT_EQ(status.container_statuses(0).state().waiting().reason(), "ErrImagePull");
}

TEST_F(PodStatusTest, PhasesByPolicyAndExitCode) {
  struct Row {
    const char* policy;
    int code;
    const char* phase;
  };
  for (const Row& row :
       {Row{"Never", 0, "Succeeded"}, Row{"Never", 1, "Failed"}, Row{"OnFailure", 0, "Succeeded"},
        Row{"OnFailure", 1, "Running"}, Row{"Always", 0, "Running"}}) {
    pod_.mutable_spec()->set_restart_policy(row.policy);
    seen_.containers.clear();
    Exit("app", row.code);
    EXPECT_EQ(Compute().phase(), row.phase) << row.policy << " " << row.code;
  }
}

TEST_F(PodStatusTest, SuccessMakesTheConditionsComplete) {
  pod_.mutable_spec()->set_restart_policy("Never");
  Exit("app", 0);
  const PodStatus status = Compute();
  EXPECT_EQ(Condition(status, "Ready"), "False/PodCompleted");
  EXPECT_EQ(Condition(status, "ContainersReady"), "False/PodCompleted");
  EXPECT_EQ(Condition(status, "Initialized"), "True/PodCompleted");
}

TEST_F(PodStatusTest, AFailedInitContainerFailsAPodThatNeverRestarts) {
  pod_.mutable_spec()->set_restart_policy("Never");
  pod_.mutable_spec()->add_init_containers()->set_name("init");
  Exit("init", 3);
  EXPECT_EQ(Compute().phase(), "Failed");
}

TEST_F(PodStatusTest, ATerminalPhaseNeverChanges) {
  pod_.mutable_status()->set_phase("Succeeded");
  See("app", ContainerPhase::kRunning);
  EXPECT_EQ(Compute().phase(), "Succeeded");
}

TEST_F(PodStatusTest, ADeletedPodEndsByItsExitCodes) {
  terminating_ = true;
  Exit("app", 143);
  EXPECT_EQ(Compute().phase(), "Failed");
  seen_.containers.clear();
  Exit("app", 0);
  EXPECT_EQ(Compute().phase(), "Succeeded");
}

TEST_F(PodStatusTest, AVerdictCountsOnceNothingRuns) {
  verdict_ = PodVerdict{"DeadlineExceeded", "too long"};
  See("app", ContainerPhase::kRunning);
  terminating_ = true;
  EXPECT_EQ(Compute().phase(), "Running");
  seen_.containers.clear();
  Exit("app", 143);
  const PodStatus status = Compute();
  EXPECT_EQ(status.phase(), "Failed");
  EXPECT_EQ(status.reason(), "DeadlineExceeded");
}

TEST_F(PodStatusTest, OtherPeoplesConditionsStay) {
  auto* gate = pod_.mutable_status()->add_conditions();
  gate->set_type("example.com/gate");
  gate->set_status("False");
  pod_.mutable_spec()->add_readiness_gates()->set_condition_type("example.com/gate");
  See("app", ContainerPhase::kRunning);
  const PodStatus status = Compute();
  EXPECT_EQ(Condition(status, "example.com/gate"), "False");
  EXPECT_EQ(Condition(status, "ContainersReady"), "True");
  EXPECT_EQ(Condition(status, "Ready"),
            "False/ReadinessGatesNotReady: the status of pod readiness gate \"example.com/gate\" "
            "is not \"True\", but False");
}

TEST_F(PodStatusTest, TransitionTimesStayWhileTheConditionDoes) {
  auto* old = pod_.mutable_status()->add_conditions();
  old->set_type("Ready");
  old->set_status("True");
  old->mutable_last_transition_time()->set_seconds(1000);
  See("app", ContainerPhase::kRunning);
  const auto time_of_ready = [&] {
    const PodStatus status = Compute();
    for (const auto& c : status.conditions()) {
      if (c.type() == "Ready") return c.last_transition_time().seconds();
    }
    return int64_t{0};
  };
  EXPECT_EQ(time_of_ready(), 1000);
  ready_ = false;
  EXPECT_EQ(time_of_ready(), absl::ToUnixSeconds(kNow));
}

TEST_F(PodStatusTest, AContainerThatTheRuntimeLostIsUnknown) {
  auto* old = pod_.mutable_status()->add_container_statuses();
  old->set_name("app");
  old->mutable_state()->mutable_running();
  old->set_container_id("containerd://gone");
  const auto status = Compute().container_statuses(0);
  EXPECT_EQ(status.last_state().terminated().reason(), "ContainerStatusUnknown");
  EXPECT_EQ(status.last_state().terminated().exit_code(), 137);
}

TEST_F(PodStatusTest, HostNetworkPodsHaveTheNodesAddress) {
  pod_.mutable_spec()->set_host_network(true);
  seen_.sandboxes[0].host_network = true;
  seen_.sandboxes[0].ips.clear();
  See("app", ContainerPhase::kRunning);
  EXPECT_EQ(Compute().pod_ip(), "192.168.0.1");
}

TEST_F(PodStatusTest, MessagesShareTwelveKibibytesAmongTheContainers) {
  for (const char* name : {"b", "c", "d"}) AddApp(name);
  pod_.mutable_spec()->set_restart_policy("Never");
  Exit("app", 1).message = std::string(4096, 'x');
  Exit("b", 1).message = "short";
  const PodStatus status = Compute();
  EXPECT_EQ(status.container_statuses(0).state().terminated().message().size(), 3072u);
  EXPECT_EQ(status.container_statuses(1).state().terminated().message(), "short");
}

TEST_F(PodStatusTest, AContainerWhoseHookRunsIsNotRunningYet) {
  See("app", ContainerPhase::kRunning);
  waiting_["app"] = {"ContainerCreating", ""};
  EXPECT_EQ(Compute().container_statuses(0).state().waiting().reason(), "ContainerCreating");
  EXPECT_EQ(Compute().phase(), "Pending");
  terminating_ = true;
  EXPECT_TRUE(Compute().container_statuses(0).state().has_running());
}

TEST_F(PodStatusTest, WhomTheNodeEndsForItsOwnSakeHasTheCondition) {
  verdict_ = PodVerdict{"Evicted", "The node was low on resource: memory. "};
  EXPECT_EQ(Condition(Compute(), "DisruptionTarget"), "absent");
  verdict_->disruption = "The node was low on resource: memory. ";
  const PodStatus status = Compute();
  EXPECT_EQ(Condition(status, "DisruptionTarget"),
            "True/TerminationByKubelet: The node was low on resource: memory. ");
  *pod_.mutable_status() = status;
  EXPECT_EQ(Compute().conditions_size(), status.conditions_size());
}

}  // namespace
}  // namespace berth::agent
