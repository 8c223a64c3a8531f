// SPDX-License-Identifier: Apache-2.0
#include "agent/sync/pod_actions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/sync/container_spec.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Container;
using api::core::v1::Pod;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

// A pod and what the runtime says about it, written as a table row would be.
class Case {
 public:
  explicit Case(const std::string& policy = "Always") {
    pod_.mutable_metadata()->set_name("web");
    pod_.mutable_metadata()->set_namespace_("default");
    pod_.mutable_metadata()->set_uid("u1");
    pod_.mutable_spec()->set_restart_policy(policy);
  }
  Case& App(const std::string& name) {
    Add(*pod_.mutable_spec()->add_containers(), name);
    return *this;
  }
  Case& Init(const std::string& name, bool sidecar = false) {
    Container& c = *pod_.mutable_spec()->add_init_containers();
    Add(c, name);
    if (sidecar) c.set_restart_policy("Always");
    return *this;
  }
  Case& HostNetwork() {
    pod_.mutable_spec()->set_host_network(true);
    return *this;
  }
  Case& Sandbox(bool ready = true, const std::string& ip = "10.0.0.1") {
    ObservedSandbox s;
    s.id = base::StrCat("s", seen_.sandboxes.size());
    s.attempt = static_cast<uint32_t>(seen_.sandboxes.size());
    s.ready = ready;
    if (!ip.empty()) s.ips = {ip};
    seen_.sandboxes.insert(seen_.sandboxes.begin(), s);
    return *this;
  }
  Case& Running(const std::string& name, int restarts = 0) {
    Instance(name, restarts).phase = ContainerPhase::kRunning;
    probes_.started.insert(seen_.containers.front().id);
    return *this;
  }
  Case& Created(const std::string& name) {
    Instance(name, 0).phase = ContainerPhase::kCreated;
    return *this;
  }
  Case& Exited(const std::string& name, int code, int restarts = 0,
               absl::Duration ago = absl::Seconds(1)) {
    ObservedContainer& c = Instance(name, restarts);
    c.phase = ContainerPhase::kExited;
    c.exit_code = code;
    c.finished_at = kNow - ago;
    return *this;
  }
  Case& OtherImage(const std::string& name) {
    for (auto& c : *pod_.mutable_spec()->mutable_containers()) {
      if (c.name() == name) c.set_image("other");
    }
    return *this;
  }
  Case& NotStarted() {
    probes_.started.clear();
    return *this;
  }
  Case& LivenessFailed(const std::string& name) {
    probes_.liveness_failed.insert(seen_.Latest(name)->id);
    return *this;
  }
  Case& Stopping(const std::string& name) {
    stopping_.insert(seen_.Latest(name)->id);
    return *this;
  }
  Case& RestartedBefore(const std::string& name, absl::Duration ended_ago) {
    backoff_.Restarted(BackoffKey(*FindContainerSpec(pod_, name)), kNow - ended_ago,
                       kNow - ended_ago);
    return *this;
  }
  PodActions Compute() const {
    return ComputePodActions({pod_, seen_, probes_, backoff_, kNow, stopping_});
  }
  std::vector<std::string> Starts() const {
    std::vector<std::string> names;
    for (const auto& s : Compute().start) {
      names.push_back(base::StrCat(s.name, "#", s.restart_count));
    }
    return names;
  }
  std::vector<std::string> Kills() const {
    std::vector<std::string> names;
    for (const auto& k : Compute().kill) names.push_back(k.name);
    return names;
  }
  Pod& pod() { return pod_; }

 private:
  static void Add(Container& c, const std::string& name) {
    c.set_name(name);
    c.set_image("image");
  }
  ObservedContainer& Instance(const std::string& name, int restarts) {
    ObservedContainer c;
    c.id = base::StrCat(name, "-", restarts);
    c.name = name;
    c.restart_count = restarts;
    c.sandbox_id = seen_.sandboxes.empty() ? "" : seen_.sandboxes.front().id;
    if (const auto* spec = FindContainerSpec(pod_, name)) c.hash = ContainerHash(*spec);
    seen_.containers.insert(seen_.containers.begin(), c);
    return seen_.containers.front();
  }

  Pod pod_;
  PodObservation seen_;
  ProbeView probes_;
  RestartBackoff backoff_;
  std::set<std::string> stopping_;
};

TEST(ComputePodActions, ANewPodGetsASandboxFirst) {
  const PodActions actions = Case().App("a").Compute();
  EXPECT_TRUE(actions.create_sandbox);
  EXPECT_EQ(actions.sandbox_attempt, 0u);
  EXPECT_THAT(actions.kill_sandbox, IsEmpty());
  EXPECT_THAT(actions.start, IsEmpty());
}

TEST(ComputePodActions, StartsEveryAppContainerInAReadySandbox) {
  EXPECT_THAT(Case().App("a").App("b").Sandbox().Starts(), ElementsAre("a#0", "b#0"));
}

TEST(ComputePodActions, AHealthyPodIsLeftAlone) {
  EXPECT_TRUE(Case().App("a").Sandbox().Running("a").Compute().Idle());
}

TEST(ComputePodActions, ADeadSandboxIsReplacedByTheNextAttempt) {
  const PodActions actions = Case().App("a").Sandbox(false).Exited("a", 137).Compute();
  EXPECT_EQ(actions.kill_sandbox, "s0");
  EXPECT_TRUE(actions.create_sandbox);
  EXPECT_EQ(actions.sandbox_attempt, 1u);
}

TEST(ComputePodActions, ASandboxWithoutAddressIsReplacedUnlessItIsTheHosts) {
  EXPECT_TRUE(Case().App("a").Sandbox(true, "").Compute().create_sandbox);
  // The fixture's sandbox is on the pod network, so a host-network pod wants another one.
  EXPECT_TRUE(Case().HostNetwork().App("a").Sandbox(true, "").Compute().create_sandbox);
}

TEST(ComputePodActions, AFinishedPodGetsNoNewSandbox) {
  EXPECT_TRUE(Case("OnFailure").App("a").Sandbox(false).Exited("a", 0).Compute().Idle());
  EXPECT_TRUE(Case("Never").App("a").Sandbox(false).Exited("a", 1).Compute().Idle());
}

TEST(ComputePodActions, RestartPolicyDecidesWhatComesBack) {
  struct Row {
    const char* policy;
    int code;
    bool restarts;
  };
  for (const Row& row :
       {Row{"Always", 0, true}, Row{"Always", 1, true}, Row{"OnFailure", 0, false},
        Row{"OnFailure", 1, true}, Row{"Never", 0, false}, Row{"Never", 1, false}}) {
    const bool restarts =
        !Case(row.policy).App("a").Sandbox().Exited("a", row.code).Starts().empty();
    EXPECT_EQ(restarts, row.restarts) << row.policy << " " << row.code;
  }
}

TEST(ComputePodActions, RestartRulesGoBeforeThePolicy) {
  Case c("Never");
  c.App("a").Sandbox().Exited("a", 42);
  auto* rule = c.pod().mutable_spec()->mutable_containers(0)->add_restart_policy_rules();
  rule->set_action("Restart");
  rule->mutable_exit_codes()->set_operator_("In");
  rule->mutable_exit_codes()->add_values(42);
  EXPECT_THAT(c.Starts(), ElementsAre("a#1"));
}

TEST(ComputePodActions, TheSecondCrashWaitsForItsBackoff) {
  Case c;
  c.App("a").Sandbox().RestartedBefore("a", absl::Seconds(20)).Exited("a", 1, 1, absl::Seconds(4));
  const PodActions actions = c.Compute();
  EXPECT_THAT(actions.start, IsEmpty());
  ASSERT_EQ(actions.backoff.size(), 1u);
  EXPECT_EQ(actions.backoff[0].until, kNow + absl::Seconds(6));
  EXPECT_EQ(actions.backoff[0].message,
            "back-off 10s restarting failed container=a pod=web_default(u1)");
}

TEST(ComputePodActions, StartsAgainWhenTheBackoffIsOver) {
  EXPECT_THAT(Case()
                  .App("a")
                  .Sandbox()
                  .RestartedBefore("a", absl::Seconds(30))
                  .Exited("a", 1, 1, absl::Seconds(10))
                  .Starts(),
              ElementsAre("a#2"));
}

TEST(ComputePodActions, AnInstanceThatNeverStartedIsReplaced) {
  EXPECT_THAT(Case().App("a").Sandbox().Created("a").Starts(), ElementsAre("a#1"));
}

TEST(ComputePodActions, AnotherImageRestartsTheContainerOnce) {
  Case c;
  c.App("a").App("b").Sandbox().Running("a").Running("b").OtherImage("a");
  EXPECT_THAT(c.Kills(), ElementsAre("a"));
  EXPECT_THAT(c.Stopping("a").Kills(), IsEmpty());
}

TEST(ComputePodActions, ANewImageComesUpWithoutBackoffAndEvenWithNever) {
  EXPECT_THAT(Case("Never").App("a").Sandbox().Exited("a", 0).OtherImage("a").Starts(),
              ElementsAre("a#1"));
}

TEST(ComputePodActions, AFailedLivenessProbeKills) {
  EXPECT_THAT(Case().App("a").Sandbox().Running("a").LivenessFailed("a").Kills(), ElementsAre("a"));
}

TEST(ComputePodActions, InitContainersGoOneByOneBeforeTheApps) {
  EXPECT_THAT(Case().Init("i").Init("j").App("a").Sandbox().Starts(), ElementsAre("i#0"));
  EXPECT_THAT(Case().Init("i").Init("j").App("a").Sandbox().Running("i").Starts(), IsEmpty());
  EXPECT_THAT(Case().Init("i").Init("j").App("a").Sandbox().Exited("i", 0).Starts(),
              ElementsAre("j#0"));
  EXPECT_THAT(Case().Init("i").Init("j").App("a").Sandbox().Exited("i", 0).Exited("j", 0).Starts(),
              ElementsAre("a#0"));
}

TEST(ComputePodActions, AFailedInitContainerIsRetriedUnlessThePodNeverRestarts) {
  EXPECT_THAT(Case().Init("i").App("a").Sandbox().Exited("i", 1).Starts(), ElementsAre("i#1"));
  EXPECT_THAT(Case("Never").Init("i").App("a").Sandbox().Exited("i", 1).Starts(), IsEmpty());
}

TEST(ComputePodActions, InitContainersDoNotRunAgainWhenAnAppRestarts) {
  EXPECT_THAT(Case().Init("i").App("a").Sandbox().Exited("i", 0).Exited("a", 1).Starts(),
              ElementsAre("a#1"));
}

TEST(ComputePodActions, InitContainersRunAgainInANewSandbox) {
  EXPECT_THAT(
      Case().Init("i").App("a").Sandbox(false).Exited("i", 0).Exited("a", 137).Sandbox().Starts(),
      ElementsAre("i#1"));
}

TEST(ComputePodActions, ASidecarLetsTheNextOneStartOnceItHasStarted) {
  EXPECT_THAT(Case().Init("s", true).App("a").Sandbox().Running("s").Starts(), ElementsAre("a#0"));
  EXPECT_THAT(Case().Init("s", true).App("a").Sandbox().Running("s").NotStarted().Starts(),
              IsEmpty());
}

TEST(ComputePodActions, ASidecarComesBackWhateverThePodsPolicy) {
  EXPECT_THAT(Case("Never").Init("s", true).App("a").Sandbox().Exited("s", 0).Running("a").Starts(),
              ElementsAre("s#1"));
}

TEST(RestartBackoff, DoublesUpToTheMaximumAndStartsAnewAfterAQuietTime) {
  RestartBackoff backoff;
  absl::Time end = kNow;
  std::vector<int64_t> steps;
  for (int i = 0; i < 8; ++i) {
    const auto wait = backoff.Check("a", end, end);
    steps.push_back(wait.has_value() ? absl::ToInt64Seconds(wait->step) : 0);
    const absl::Time restart = wait.has_value() ? wait->until : end;
    backoff.Restarted("a", end, restart);
    end = restart + absl::Seconds(1);
  }
  EXPECT_THAT(steps, ElementsAre(0, 10, 20, 40, 80, 160, 300, 300));
  EXPECT_FALSE(backoff.Check("b", end, end).has_value());
  // Ten minutes count from the restart, not from the crash before it.
  const absl::Time restart = end + absl::Minutes(5);
  backoff.Restarted("a", end, restart);
  EXPECT_TRUE(backoff.Check("a", restart + absl::Minutes(9), restart + absl::Minutes(9)));
  end = restart + absl::Minutes(11);
  EXPECT_FALSE(backoff.Check("a", end, end).has_value());
  backoff.Restarted("a", end, end);
  EXPECT_EQ(backoff.Check("a", end, end)->step, absl::Seconds(10));
}

TEST(RestartBackoff, ALowMaximumIsTheFirstStepToo) {
  RestartBackoff backoff(absl::Seconds(3));
  for (int i = 0; i < 3; ++i) backoff.Restarted("a", kNow, kNow);
  EXPECT_EQ(backoff.Check("a", kNow, kNow)->step, absl::Seconds(3));
  EXPECT_TRUE(backoff.Check("a", kNow + absl::Minutes(9), kNow + absl::Minutes(9)).has_value());
}

TEST(FormatGoDuration, PrintsAsGoDoes) {
  EXPECT_EQ(FormatGoDuration(absl::ZeroDuration()), "0s");
  EXPECT_EQ(FormatGoDuration(absl::Seconds(10)), "10s");
  EXPECT_EQ(FormatGoDuration(absl::Seconds(80)), "1m20s");
  EXPECT_EQ(FormatGoDuration(absl::Minutes(5)), "5m0s");
  EXPECT_EQ(FormatGoDuration(absl::Hours(1)), "1h0m0s");
  EXPECT_EQ(FormatGoDuration(absl::Milliseconds(1500)), "1.5s");
}

}  // namespace
}  // namespace berth::agent
