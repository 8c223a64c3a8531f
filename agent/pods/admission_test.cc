// SPDX-License-Identifier: Apache-2.0
#include "agent/pods/admission.h"

#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"

namespace berth::agent {
namespace {

using api::core::v1::Node;
using api::core::v1::Pod;

std::shared_ptr<Pod> MakePod(const std::string& spec) {
  auto pod = std::make_shared<Pod>();
  const absl::Status status = api::DecodeJson("{\"spec\":" + spec + "}", *pod);
  EXPECT_TRUE(status.ok()) << status;
  return pod;
}

class AdmissionTest : public ::testing::Test {
 protected:
  AdmissionTest() {
    const absl::Status status = api::DecodeJson(
        R"({"metadata":{"name":"n1","labels":{"kubernetes.io/os":"linux","zone":"a","cores":"8"}},
            "status":{"allocatable":{"cpu":"2","memory":"1Gi","pods":"3"}}})",
        node_);
    EXPECT_TRUE(status.ok()) << status;
  }
  // The reason, or "" when the pod is let in.
  std::string Reason(const std::string& spec) {
    const auto verdict = Admit(*MakePod(spec), {node_, active_, unsafe_, 110});
    message_ = verdict.has_value() ? verdict->message : "";
    return verdict.has_value() ? verdict->reason : "";
  }
  static std::string Wants(const std::string& name, const std::string& amount) {
    return R"({"containers":[{"name":"a","resources":{"requests":{")" + name + "\":\"" + amount +
           "\"}}}]}";
  }

  Node node_;
  std::vector<std::shared_ptr<const Pod>> active_;
  std::vector<std::string> unsafe_;
  std::string message_;
};

TEST_F(AdmissionTest, ResourcesMustFitBesideWhatRuns) {
  active_.push_back(MakePod(Wants("cpu", "1500m")));
  EXPECT_EQ(Reason(Wants("cpu", "500m")), "");
  EXPECT_EQ(Reason(Wants("cpu", "501m")), "OutOfcpu");
  EXPECT_EQ(message_,
            "Pod was rejected: Node didn't have enough resource: cpu, requested: 501, used: 1500, "
            "capacity: 2000");
  EXPECT_EQ(Reason(Wants("memory", "2Gi")), "OutOfmemory");
  EXPECT_EQ(Reason(Wants("example.com/gpu", "1")), "");
}

TEST_F(AdmissionTest, TheNumberOfPodsIsLimited) {
  for (int i = 0; i < 3; ++i) active_.push_back(MakePod("{}"));
  EXPECT_EQ(Reason("{}"), "OutOfpods");
}

TEST_F(AdmissionTest, SelectorsAndAffinity) {
  EXPECT_EQ(Reason(R"({"nodeSelector":{"zone":"a"}})"), "");
  EXPECT_EQ(Reason(R"({"nodeSelector":{"zone":"b"}})"), "NodeAffinity");
  const auto affinity = [](const std::string& expression) {
    return R"({"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":
        {"nodeSelectorTerms":[{"matchExpressions":[)" +
           expression + "]}]}}}}";
  };
  EXPECT_EQ(Reason(affinity(R"({"key":"zone","operator":"In","values":["a","b"]})")), "");
  EXPECT_EQ(Reason(affinity(R"({"key":"zone","operator":"NotIn","values":["a"]})")),
            "NodeAffinity");
  EXPECT_EQ(Reason(affinity(R"({"key":"x","operator":"DoesNotExist"})")), "");
  EXPECT_EQ(Reason(affinity(R"({"key":"cores","operator":"Gt","values":["4"]})")), "");
  EXPECT_EQ(Reason(affinity(R"({"key":"cores","operator":"Lt","values":["4"]})")), "NodeAffinity");
}

TEST_F(AdmissionTest, HostPortsDoNotClash) {
  const std::string web = R"({"containers":[{"name":"a","ports":[{"containerPort":80,
      "hostPort":80}]}]})";
  EXPECT_EQ(Reason(web), "");
  active_.push_back(MakePod(web));
  EXPECT_EQ(Reason(web), "NodePorts");
}

TEST_F(AdmissionTest, OnlyNoExecuteTaintsCount) {
  auto* taint = node_.mutable_spec()->add_taints();
  taint->set_key("k");
  taint->set_effect("NoSchedule");
  EXPECT_EQ(Reason("{}"), "");
  taint->set_effect("NoExecute");
  EXPECT_EQ(Reason("{}"), "TaintToleration");
  EXPECT_EQ(Reason(R"({"tolerations":[{"key":"k","operator":"Exists"}]})"), "");
}

TEST_F(AdmissionTest, SysctlsAndOs) {
  const auto sysctl = [](const std::string& name) {
    return R"({"securityContext":{"sysctls":[{"name":")" + name + R"(","value":"1"}]}})";
  };
  EXPECT_EQ(Reason(sysctl("net.ipv4.tcp_syncookies")), "");
  EXPECT_EQ(Reason(sysctl("kernel.msgmax")), "SysctlForbidden");
  unsafe_ = {"kernel.msg*"};
  EXPECT_EQ(Reason(sysctl("kernel.msgmax")), "");
  EXPECT_EQ(Reason(R"({"os":{"name":"windows"}})"), "PodOSNotSupported");
  EXPECT_EQ(Reason(R"({"nodeSelector":{"kubernetes.io/os":"windows"}})"),
            "PodOSSelectorNodeLabelDoesNotMatch");
}

TEST_F(AdmissionTest, StrictGroupsNeedARuntimeThatKnowsThem) {
  const std::string strict =
      R"({"containers":[{"name":"a"}],"securityContext":{"supplementalGroupsPolicy":"Strict"}})";
  EXPECT_EQ(Reason(strict), "SupplementalGroupsPolicyNotSupported");
  EXPECT_EQ(message_,
            "Pod was rejected: SupplementalGroupsPolicy=Strict is not supported in this node");
  node_.mutable_status()->mutable_features()->set_supplemental_groups_policy(true);
  EXPECT_EQ(Reason(strict), "");
}

}  // namespace
}  // namespace berth::agent
