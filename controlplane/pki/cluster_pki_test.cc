// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/cluster_pki.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

namespace berth::controlplane {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class ClusterPkiTest : public ::testing::Test {
 protected:
  ClusterPkiTest() {
    std::string path = ::testing::TempDir() + "/pki-XXXXXX";
    folder_ = ::mkdtemp(path.data());
  }
  ~ClusterPkiTest() override { std::filesystem::remove_all(folder_); }
  ClusterPki Load(const std::vector<std::string>& addresses, absl::Time now) {
    auto pki = LoadOrMakePki(folder_, {"localhost"}, addresses, now);
    EXPECT_TRUE(pki.ok()) << pki.status();
    return *std::move(pki);
  }

  const absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  std::string folder_;
};

TEST_F(ClusterPkiTest, IsMadeOnceAndReadAfterwards) {
  const ClusterPki first = Load({"127.0.0.1"}, now_);
  const ClusterPki second = Load({"127.0.0.1"}, now_ + absl::Hours(1));
  EXPECT_EQ(first.authority.certificate_pem, second.authority.certificate_pem);
  EXPECT_EQ(first.serving.key_pem, second.serving.key_pem);
  EXPECT_EQ(first.token_key_pem, second.token_key_pem);
  const auto facts = ReadCertificate(first.serving.certificate_pem);
  EXPECT_THAT(facts->names, Contains("localhost"));
  EXPECT_THAT(facts->names, Contains("127.0.0.1"));
}

TEST_F(ClusterPkiTest, TheServingCertificateIsRenewedForANewAddressAndBeforeItEnds) {
  const ClusterPki first = Load({"127.0.0.1"}, now_);
  const ClusterPki moved = Load({"192.0.2.1"}, now_);
  EXPECT_NE(first.serving.certificate_pem, moved.serving.certificate_pem);
  EXPECT_EQ(first.authority.certificate_pem, moved.authority.certificate_pem);
  const ClusterPki later = Load({"192.0.2.1"}, now_ + absl::Hours(24 * 340));
  EXPECT_NE(moved.serving.certificate_pem, later.serving.certificate_pem);
}

TEST_F(ClusterPkiTest, PrivateFilesAreForTheOwnerOnly) {
  Load({}, now_);
  for (const char* name : {"ca.key", "apiserver.key", "apiserver-kubelet-client.key", "sa.key"}) {
    struct stat facts {};
    ASSERT_EQ(::stat((folder_ + "/pki/" + name).c_str(), &facts), 0) << name;
    EXPECT_EQ(facts.st_mode & 0777, 0600u) << name;
  }
}

TEST_F(ClusterPkiTest, KubeconfigsCarryTheirCertificate) {
  const ClusterPki pki = Load({}, now_);
  const auto text =
      MakeKubeconfig(pki.authority, "https://h:1", "system:node:n", {"system:nodes"}, now_);
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, HasSubstr("server: https://h:1\n"));
  EXPECT_THAT(*text, HasSubstr("client-certificate-data: "));
}

}  // namespace
}  // namespace berth::controlplane
