// SPDX-License-Identifier: Apache-2.0
#include "agent/certs/rotation_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "agent/certs/test_signer.h"
#include "api/proto/certificates/v1/certificates.pb.h"

namespace berth::agent {

std::string SignForTest(const std::string& request_pem, absl::Time from, absl::Time to) {
  BIO* in = BIO_new_mem_buf(request_pem.data(), static_cast<int>(request_pem.size()));
  X509_REQ* request = PEM_read_bio_X509_REQ(in, nullptr, nullptr, nullptr);
  EVP_PKEY* authority = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_TIME_set(X509_getm_notBefore(certificate), absl::ToTimeT(from));
  ASN1_TIME_set(X509_getm_notAfter(certificate), absl::ToTimeT(to));
  X509_set_subject_name(certificate, X509_REQ_get_subject_name(request));
  X509_set_pubkey(certificate, X509_REQ_get0_pubkey(request));
  STACK_OF(X509_EXTENSION)* extensions = X509_REQ_get_extensions(request);
  for (int i = 0; i < sk_X509_EXTENSION_num(extensions); ++i) {
    X509_add_ext(certificate, sk_X509_EXTENSION_value(extensions, i), -1);
  }
  X509_sign(certificate, authority, EVP_sha256());
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(out, certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  std::string pem(data, size);
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  BIO_free(out);
  X509_free(certificate);
  EVP_PKEY_free(authority);
  X509_REQ_free(request);
  BIO_free(in);
  return pem;
}

namespace {

using api::certificates::v1::CertificateSigningRequest;
using State = RequestVerdict::State;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

CertificateFacts Lives(absl::Time from, absl::Time to) {
  CertificateFacts facts;
  facts.not_before = from;
  facts.not_after = to;
  facts.common_name = "system:node:n1";
  facts.organizations = {"system:nodes"};
  return facts;
}

TEST(RotationDeadline, LiesBetween70And90PercentOfTheLife) {
  const CertificateFacts facts = Lives(kNow, kNow + absl::Hours(10));
  EXPECT_EQ(RotationDeadline(facts, 0), kNow + absl::Hours(7));
  EXPECT_EQ(RotationDeadline(facts, 0.5), kNow + absl::Hours(8));
  EXPECT_EQ(RotationDeadline(facts, 1), kNow + absl::Hours(9));
}

TEST(PlanRotation, AsksInTimeAndNotBefore) {
  const CertificateWish wish = NodeClientWish("n1");
  const CertificateFacts facts = Lives(kNow, kNow + absl::Hours(10));
  RotationView view{.wish = &wish, .current = &facts, .share = 0.5};
  EXPECT_EQ(PlanRotation(view, kNow).step, RotationStep::kRest);
  EXPECT_EQ(PlanRotation(view, kNow).when, kNow + absl::Hours(8));
  EXPECT_EQ(PlanRotation(view, kNow + absl::Hours(8)).step, RotationStep::kRequest);
  view.under_way = true;
  EXPECT_EQ(PlanRotation(view, kNow + absl::Hours(8)).step, RotationStep::kLook);
  view.under_way = false;
  view.not_before = kNow + absl::Hours(9);  // after a failure
  EXPECT_EQ(PlanRotation(view, kNow + absl::Hours(8)).when, kNow + absl::Hours(9));
}

TEST(PlanRotation, AsksAtOnceForWhatIsMissingOrNamesTooLittle) {
  const CertificateWish client = NodeClientWish("n1");
  EXPECT_EQ(PlanRotation({.wish = &client}, kNow).step, RotationStep::kRequest);
  const CertificateWish serving = NodeServingWish("n1", {"n1"}, {"192.0.2.1"});
  CertificateFacts facts = Lives(kNow, kNow + absl::Hours(10));
  facts.dns_names = {"n1"};
  facts.addresses = {"192.0.2.1", "192.0.2.9"};
  EXPECT_EQ(PlanRotation({.wish = &serving, .current = &facts}, kNow).step, RotationStep::kRest);
  facts.addresses = {"192.0.2.9"};
  EXPECT_EQ(PlanRotation({.wish = &serving, .current = &facts}, kNow).step, RotationStep::kRequest);
  // What to ask for is not known yet.
  EXPECT_EQ(PlanRotation({}, kNow).when, absl::InfiniteFuture());
}

TEST(IsLost, OnlyWhenItEndedAWhileAgoAndTheServerRefuses) {
  const CertificateFacts facts = Lives(kNow - absl::Hours(1), kNow);
  const absl::Status refused = absl::UnauthenticatedError("");
  EXPECT_FALSE(IsLost(facts, refused, kNow + absl::Minutes(4)));
  EXPECT_TRUE(IsLost(facts, refused, kNow + absl::Minutes(5)));
  EXPECT_TRUE(IsLost(facts, absl::PermissionDeniedError(""), kNow + absl::Minutes(5)));
  EXPECT_FALSE(IsLost(facts, absl::UnavailableError(""), kNow + absl::Hours(5)));
  EXPECT_FALSE(IsLost(facts, absl::OkStatus(), kNow + absl::Hours(5)));
}

TEST(RetryDelay, DoublesFiveTimesAndThenIsAMinute) {
  EXPECT_EQ(RetryDelay(1), absl::Seconds(2));
  EXPECT_EQ(RetryDelay(5), absl::Seconds(32));
  EXPECT_EQ(RetryDelay(6), absl::Minutes(1));
  EXPECT_EQ(RetryDelay(1000), absl::Minutes(1));
}

class JudgeRequestTest : public ::testing::Test {
 protected:
  JudgeRequestTest() {
    request_.mutable_spec()->set_signer_name(wish_.signer);
    request_.mutable_spec()->set_request(*MakeRequestPem(key_, wish_));
  }
  RequestVerdict Judge() { return JudgeRequest(request_, wish_, key_, kNow); }

  const CertificateWish wish_ = NodeClientWish("n1");
  const std::string key_ = *MakeKeyPem();
  CertificateSigningRequest request_;
};

TEST_F(JudgeRequestTest, WaitsUntilThereIsACertificate) {
  EXPECT_EQ(Judge().state, State::kWaiting);
  auto& approved = *request_.mutable_status()->add_conditions();
  approved.set_type("Approved");
  EXPECT_EQ(Judge().state, State::kWaiting);
  request_.mutable_status()->set_certificate(
      SignForTest(request_.spec().request(), kNow, kNow + absl::Hours(1)));
  EXPECT_EQ(Judge().state, State::kIssued);
  EXPECT_EQ(ReadCertificateFacts(Judge().certificate_pem)->common_name, "system:node:n1");
}

TEST_F(JudgeRequestTest, TellsWhyNothingWillCome) {
  auto& denied = *request_.mutable_status()->add_conditions();
  denied.set_type("Denied");
  denied.set_reason("KubectlDeny");
  denied.set_message("no");
  EXPECT_EQ(Judge().state, State::kRefused);
  EXPECT_EQ(Judge().why,
            "certificate signing request is denied, reason: \"KubectlDeny\", message: \"no\"");
  denied.set_type("Failed");
  EXPECT_THAT(Judge().why, HasSubstr("is failed"));
}

TEST_F(JudgeRequestTest, TakesNothingThatIsNotForItsKey) {
  request_.mutable_status()->set_certificate(
      SignForTest(request_.spec().request(), kNow - absl::Hours(2), kNow));
  EXPECT_THAT(Judge().why, HasSubstr("expired"));
  const std::string other = *MakeRequestPem(*MakeKeyPem(), wish_);
  request_.mutable_status()->set_certificate(SignForTest(other, kNow, kNow + absl::Hours(1)));
  EXPECT_THAT(Judge().why, HasSubstr("no certificate for our key"));
  request_.mutable_spec()->set_request(other);
  EXPECT_THAT(Judge().why, HasSubstr("for something else"));
}

TEST(RequestDigest, IsTheSameForTheSameKeyAndWish) {
  const std::string key = *MakeKeyPem();
  const CertificateWish wish = NodeServingWish("n1", {"n1"}, {"192.0.2.1"});
  EXPECT_EQ(*RequestDigest(key, wish), *RequestDigest(key, wish));
  EXPECT_NE(*RequestDigest(key, wish), *RequestDigest(*MakeKeyPem(), wish));
  EXPECT_NE(*RequestDigest(key, wish), *RequestDigest(key, NodeClientWish("n1")));
  EXPECT_EQ(RequestDigest(key, wish)->find_first_of("/+="), std::string::npos);
}

}  // namespace
}  // namespace berth::agent
