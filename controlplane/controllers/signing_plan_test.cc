// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/signing_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/proto/certificates/v1/certificates.pb.h"
#include "controlplane/pki/test_request.h"

namespace berth::controlplane {
namespace {

using api::certificates::v1::CertificateSigningRequest;
using Action = SigningPlan::Action;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
const std::vector<std::string> kNodeUsages = {"digital signature", "client auth"};

CertificateSigningRequest Request(std::string_view signer, const std::string& pem,
                                  const std::vector<std::string>& usages) {
  CertificateSigningRequest request;
  request.mutable_metadata()->mutable_creation_timestamp()->set_seconds(absl::ToUnixSeconds(kNow));
  request.mutable_spec()->set_signer_name(std::string(signer));
  request.mutable_spec()->set_request(pem);
  for (const std::string& usage : usages) request.mutable_spec()->add_usages(usage);
  return request;
}

CertificateSigningRequest OfNode() {
  return Request(kKubeletClientSigner, TestRequest("system:node:n1", {"system:nodes"}),
                 kNodeUsages);
}

CertificateSigningRequest With(CertificateSigningRequest request, std::string_view condition) {
  auto& added = *request.mutable_status()->add_conditions();
  added.set_type(std::string(condition));
  added.set_status("True");
  added.mutable_last_update_time()->set_seconds(absl::ToUnixSeconds(kNow));
  return request;
}

std::vector<std::string> Ways(const SigningPlan& plan) {
  std::vector<std::string> out;
  for (const Approval& approval : plan.approvals) out.push_back(approval.subresource);
  return out;
}

TEST(PlanSigning, ANodesRequestMayBeApprovedUnseen) {
  CertificateSigningRequest request = OfNode();
  request.mutable_spec()->set_username("system:bootstrap:abcdef");
  EXPECT_EQ(PlanSigning(request, kNow).action, Action::kApprove);
  EXPECT_THAT(Ways(PlanSigning(request, kNow)), ::testing::ElementsAre("nodeclient"));
  request.mutable_spec()->set_username("system:node:n1");
  EXPECT_THAT(Ways(PlanSigning(request, kNow)),
              ::testing::ElementsAre("selfnodeclient", "nodeclient"));
}

TEST(PlanSigning, OtherRequestsWaitForAPerson) {
  const std::string serving = TestRequest("system:node:n1", {"system:nodes"}, "IP:192.0.2.1");
  EXPECT_EQ(PlanSigning(
                Request(kKubeletServingSigner, serving, {"digital signature", "server auth"}), kNow)
                .action,
            Action::kNothing);
  EXPECT_EQ(
      PlanSigning(Request(kClientSigner, TestRequest("bob", {}), {"client auth"}), kNow).action,
      Action::kNothing);
  // A kubelet's certificate for somebody who is no node.
  EXPECT_EQ(
      PlanSigning(Request(kKubeletClientSigner, TestRequest("bob", {"system:nodes"}), kNodeUsages),
                  kNow)
          .action,
      Action::kNothing);
}

TEST(PlanSigning, WhatIsApprovedIsSignedOnceByTheRulesOfItsSigner) {
  EXPECT_EQ(PlanSigning(With(OfNode(), "Approved"), kNow).action, Action::kSign);
  CertificateSigningRequest issued = With(OfNode(), "Approved");
  issued.mutable_status()->set_certificate("x");
  EXPECT_EQ(PlanSigning(issued, kNow).action, Action::kNothing);
  EXPECT_EQ(PlanSigning(With(OfNode(), "Denied"), kNow).action, Action::kNothing);
  EXPECT_EQ(PlanSigning(With(With(OfNode(), "Approved"), "Failed"), kNow).action, Action::kNothing);
  const auto bad = PlanSigning(
      With(Request(kKubeletClientSigner, TestRequest("bob", {"system:nodes"}), kNodeUsages),
           "Approved"),
      kNow);
  EXPECT_EQ(bad.action, Action::kFail);
  EXPECT_EQ(bad.failure, "subject common name does not begin with system:node:");
  // Somebody else's signer.
  EXPECT_EQ(
      PlanSigning(With(Request("example.com/x", TestRequest("n", {}), {"any"}), "Approved"), kNow)
          .action,
      Action::kNothing);
}

TEST(PlanSigning, OldRequestsGo) {
  const auto action = [](const CertificateSigningRequest& request, absl::Duration later) {
    return PlanSigning(request, kNow + later).action;
  };
  EXPECT_EQ(PlanSigning(OfNode(), kNow).look_again, kNow + absl::Hours(24));
  EXPECT_EQ(action(OfNode(), absl::Hours(24)), Action::kDelete);
  EXPECT_EQ(action(With(OfNode(), "Denied"), absl::Minutes(59)), Action::kNothing);
  EXPECT_EQ(action(With(OfNode(), "Denied"), absl::Hours(1)), Action::kDelete);
  EXPECT_EQ(action(With(With(OfNode(), "Approved"), "Failed"), absl::Hours(1)), Action::kDelete);
  // One that is approved and waits for its signer stays.
  EXPECT_EQ(action(With(OfNode(), "Approved"), absl::Hours(48)), Action::kSign);
  CertificateSigningRequest issued = With(OfNode(), "Approved");
  issued.mutable_status()->set_certificate("x");
  EXPECT_EQ(action(issued, absl::Hours(1)), Action::kDelete);
  const KeyPair authority = *MakeAuthority("ca", kNow);
  issued.mutable_status()->set_certificate(
      *SignRequest(authority, issued.spec().request(), {kNodeUsages, absl::Minutes(1)}, kNow));
  EXPECT_EQ(action(issued, absl::Seconds(59)), Action::kNothing);
  EXPECT_EQ(action(issued, absl::Minutes(1)), Action::kDelete);
}

TEST(SignerProblem, NamesTheRuleThatIsBroken) {
  const SigningRequest node{.common_name = "system:node:n", .organizations = {"system:nodes"}};
  const std::vector<std::string> serving = {"digital signature", "server auth"};
  SigningRequest other = node;
  EXPECT_EQ(SignerProblem(kKubeletClientSigner, node, kNodeUsages), "");
  EXPECT_EQ(SignerProblem(kKubeletClientSigner, node,
                          {"key encipherment", "digital signature", "client auth"}),
            "");
  EXPECT_EQ(SignerProblem(kKubeletClientSigner, node, serving),
            "usages did not match [client auth digital signature key encipherment]");
  other.organizations.push_back("system:masters");
  EXPECT_EQ(SignerProblem(kKubeletClientSigner, other, kNodeUsages),
            "subject organization is not system:nodes");
  other = node;
  other.dns_names = {"n"};
  EXPECT_EQ(SignerProblem(kKubeletClientSigner, other, kNodeUsages),
            "DNS subjectAltNames are not allowed");
  EXPECT_EQ(SignerProblem(kKubeletServingSigner, other, serving), "");
  EXPECT_EQ(SignerProblem(kKubeletServingSigner, node, serving),
            "DNS or IP subjectAltName is required");
  other.uris = 1;
  EXPECT_EQ(SignerProblem(kKubeletServingSigner, other, serving),
            "URI subjectAltNames are not allowed");
  EXPECT_EQ(SignerProblem(kClientSigner, {}, {"client auth"}), "");
  EXPECT_EQ(SignerProblem(kClientSigner, {}, serving),
            "invalid usage for client certificate: server auth");
  EXPECT_EQ(SignerProblem(kClientSigner, {}, {"digital signature"}),
            "missing required usage for client certificate: client auth");
}

}  // namespace
}  // namespace berth::controlplane
