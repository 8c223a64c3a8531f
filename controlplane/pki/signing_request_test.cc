// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/signing_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <algorithm>
#include <random>

#include "absl/strings/escaping.h"
#include "base/status.h"
#include "controlplane/pki/key.h"
#include "controlplane/pki/test_request.h"
#include "http/x509.h"

namespace berth::controlplane {

using namespace x509;  // NOLINT: its names are what this file is about

std::string TestRequest(const std::string& common_name,
                        const std::vector<std::string>& organizations, const std::string& names,
                        bool forged) {
  const PrivateKey key = *PrivateKey::Generate();
  const PrivateKey other = *PrivateKey::Generate();
  const std::unique_ptr<X509_REQ, OpenSslDeleter<X509_REQ_free>> request(X509_REQ_new());
  X509_NAME* subject = X509_REQ_get_subject_name(request.get());
  for (const std::string& organization : organizations) AddName(subject, "O", organization);
  AddName(subject, "CN", common_name);
  X509_REQ_set_pubkey(request.get(), key.get());
  if (!names.empty()) {
    STACK_OF(X509_EXTENSION)* all = sk_X509_EXTENSION_new_null();
    sk_X509_EXTENSION_push(
        all, X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()));
    X509_REQ_add_extensions(request.get(), all);
    sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
  }
  X509_REQ_sign(request.get(), forged ? other.get() : key.get(), EVP_sha256());
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(bio.get(), request.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, size);
}

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
const std::vector<std::string> kClientUsages = {"digital signature", "client auth"};

class SigningRequestTest : public ::testing::Test {
 protected:
  Certificate Sign(const std::string& request, const SigningTerms& terms) {
    const auto pem = SignRequest(authority_, request, terms, kNow);
    EXPECT_TRUE(pem.ok()) << pem.status();
    return *ParseCertificate(*pem);
  }
  static absl::Time From(const X509* certificate) {
    tm begin{};
    ASN1_TIME_to_tm(X509_get0_notBefore(certificate), &begin);
    return absl::FromTM(begin, absl::UTCTimeZone());
  }

  const KeyPair authority_ = *MakeAuthority("test-ca", kNow);
};

TEST_F(SigningRequestTest, SaysWhatIsAskedFor) {
  const auto asked = ReadSigningRequest(
      TestRequest("system:node:n1", {"system:nodes"},
                  "DNS:n1,IP:192.0.2.1,IP:2001:db8::1,email:a@example.com,URI:spiffe://x"));
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_EQ(asked->common_name, "system:node:n1");
  EXPECT_THAT(asked->organizations, ElementsAre("system:nodes"));
  EXPECT_THAT(asked->dns_names, ElementsAre("n1"));
  EXPECT_THAT(asked->addresses, ElementsAre("192.0.2.1", "2001:db8::1"));
  EXPECT_EQ(asked->emails, 1);
  EXPECT_EQ(asked->uris, 1);
  EXPECT_THAT(std::string(base::Message(ReadSigningRequest("nonsense").status())),
              HasSubstr("CERTIFICATE REQUEST"));
}

TEST_F(SigningRequestTest, ACertificateHasTheNamesOfItsRequestAndIsNoAuthority) {
  const Certificate made = Sign(TestRequest("system:node:n1", {"system:nodes"}, "DNS:n1"),
                                {kClientUsages, absl::Hours(24)});
  const Certificate issuer = *ParseCertificate(authority_.certificate_pem);
  EXPECT_EQ(X509_verify(made.get(), X509_get0_pubkey(issuer.get())), 1);
  char name[256];
  X509_NAME_oneline(X509_get_subject_name(made.get()), name, sizeof name);
  EXPECT_STREQ(name, "/O=system:nodes/CN=system:node:n1");
  EXPECT_EQ(X509_get_extended_key_usage(made.get()), static_cast<uint32_t>(XKU_SSL_CLIENT));
  EXPECT_EQ(X509_get_key_usage(made.get()), static_cast<uint32_t>(KU_DIGITAL_SIGNATURE));
  EXPECT_EQ(X509_check_ca(made.get()), 0);
  EXPECT_EQ(X509_check_host(made.get(), "n1", 2, 0, nullptr), 1);
}

TEST_F(SigningRequestTest, BeginsFiveMinutesEarlyAndDoesNotOutliveItsAuthority) {
  const std::string request = TestRequest("n", {});
  const Certificate day = Sign(request, {kClientUsages, absl::Hours(24)});
  EXPECT_EQ(From(day.get()), kNow - absl::Minutes(5));
  EXPECT_EQ(EndOf(day.get()), kNow + absl::Hours(24) - absl::Minutes(5));
  // A short one gets all of its time.
  EXPECT_EQ(EndOf(Sign(request, {kClientUsages, absl::Minutes(10)}).get()),
            kNow + absl::Minutes(10));
  EXPECT_EQ(EndOf(Sign(request, {kClientUsages, absl::Hours(24 * 36500)}).get()),
            ReadCertificate(authority_.certificate_pem)->not_after);
}

TEST_F(SigningRequestTest, ARequestOfAnotherKeyIsNotSigned) {
  const auto made = SignRequest(authority_, TestRequest("n", {}, "", /*forged=*/true),
                                {kClientUsages, absl::Hours(1)}, kNow);
  EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
}

// Whoever may ask for a certificate may send anything; it is a stranger's text.
TEST_F(SigningRequestTest, WhatWasChangedOnItsWayIsNotSigned) {
  const std::string pem = TestRequest("system:node:n1", {"system:nodes"}, "DNS:n1,IP:192.0.2.1");
  const size_t begin = pem.find('\n') + 1;
  const size_t end = pem.rfind("-----END");
  std::string text = pem.substr(begin, end - begin);
  text.erase(std::remove(text.begin(), text.end(), '\n'), text.end());
  std::string der;
  ASSERT_TRUE(absl::Base64Unescape(text, &der));
  std::mt19937 random(20080101);
  for (int i = 0; i < 3000; ++i) {
    std::string changed = der;
    const size_t at = random() % changed.size();
    if (i % 3 == 0) {
      changed.resize(at);
    } else {
      changed[at] = static_cast<char>(changed[at] ^ (1 + random() % 255));
    }
    const std::string sent =
        pem.substr(0, begin) + absl::Base64Escape(changed) + "\n" + pem.substr(end);
    const bool is_read = ReadSigningRequest(sent).ok();
    const bool is_signed =
        SignRequest(authority_, sent, {kClientUsages, absl::Hours(1)}, kNow).ok();
    EXPECT_FALSE(is_signed) << "byte " << at << (is_read ? ", read" : ", not read");
  }
}

TEST(SignedLifetime, IsWhatIsAskedForWithinBounds) {
  EXPECT_EQ(SignedLifetime(std::nullopt, absl::Hours(10)), absl::Hours(10));
  EXPECT_EQ(SignedLifetime(3600, absl::Hours(10)), absl::Hours(1));
  EXPECT_EQ(SignedLifetime(360000, absl::Hours(10)), absl::Hours(10));
  EXPECT_EQ(SignedLifetime(60, absl::Hours(10)), absl::Minutes(10));
  EXPECT_EQ(SignedLifetime(600, absl::Minutes(1)), absl::Minutes(1));
}

}  // namespace
}  // namespace berth::controlplane
