// SPDX-License-Identifier: Apache-2.0
#include "agent/certs/certificate_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "agent/certs/client_bootstrap.h"
#include "agent/certs/pem_file.h"
#include "agent/certs/test_signer.h"
#include "api/proto/certificates/v1/certificates.pb.h"
#include "base/status.h"
#include "client/api_client.h"
#include "client/fake_api_server.h"
#include "client/kubeconfig.h"

namespace berth::agent {
namespace {

namespace fs = std::filesystem;
using api::certificates::v1::CertificateSigningRequest;
using ::testing::StartsWith;

class CertificateKeeperTest : public ::testing::Test {
 protected:
  CertificateKeeperTest()
      : pool_("fake-api", 4),
        api_(client::MakeInProcessTransport(server_.handler(), pool_, http::PeerCertificate{})) {
    std::string path = ::testing::TempDir() + "/certs-XXXXXX";
    folder_ = ::mkdtemp(path.data());
  }
  ~CertificateKeeperTest() override {
    keeper_.reset();
    fs::remove_all(folder_);
  }

  CertificateStore Store() const { return CertificateStore(folder_ + "/pki", "kubelet-client"); }
  // As after a start of the daemon.
  void Start() {
    CertificateKeeperParts parts;
    parts.api = &api_;
    parts.clock = &clock_;
    parts.executor = &executor_;
    parts.wish = [this] { return wish_; };
    parts.renewed = [this](const CertificateAndKey&) { ++renewed_; };
    parts.failed = [this] { ++failed_; };
    keeper_ = std::make_unique<CertificateKeeper>("kubelet-client", Store(), std::move(parts));
    keeper_->Start();
    executor_.RunAll();
  }
  void Pass(absl::Duration time) {
    clock_.Advance(time);
    executor_.RunAll();
  }
  std::vector<std::string> Requests() {
    api::certificates::v1::CertificateSigningRequestList list;
    EXPECT_TRUE(api_.List(client::kSigningRequests, "", {}, list).ok());
    std::vector<std::string> names;
    for (const auto& request : list.items()) names.push_back(request.metadata().name());
    return names;
  }
  CertificateSigningRequest Request(const std::string& name) {
    const auto object = server_.Get(client::kSigningRequests, "", name);
    return object == nullptr ? CertificateSigningRequest()
                             : static_cast<const CertificateSigningRequest&>(*object);
  }
  void Issue(const std::string& name, absl::Duration life) {
    CertificateSigningRequest request = Request(name);
    request.mutable_status()->set_certificate(
        SignForTest(request.spec().request(), clock_.Now(), clock_.Now() + life));
    server_.Put(client::kSigningRequests, request);
  }
  void Deny(const std::string& name) {
    CertificateSigningRequest request = Request(name);
    request.mutable_status()->add_conditions()->set_type("Denied");
    server_.Put(client::kSigningRequests, request);
  }

  base::FakeClock clock_;
  base::ManualExecutor executor_;
  client::FakeApiServer server_;
  base::ThreadPool pool_;
  client::ApiClient api_;
  std::string folder_;
  std::optional<CertificateWish> wish_ = NodeClientWish("n1");
  int renewed_ = 0, failed_ = 0;
  std::unique_ptr<CertificateKeeper> keeper_;
};

TEST_F(CertificateKeeperTest, AsksWaitsAndStores) {
  Start();
  ASSERT_EQ(Requests().size(), 1u);
  const std::string name = Requests()[0];
  EXPECT_THAT(name, StartsWith("csr-"));
  const CertificateSigningRequest request = Request(name);
  EXPECT_EQ(request.spec().signer_name(), "kubernetes.io/kube-apiserver-client-kubelet");
  EXPECT_THAT(request.spec().usages(), ::testing::ElementsAre("digital signature", "client auth"));
  Pass(absl::Minutes(10));
  EXPECT_EQ(Requests().size(), 1u);
  EXPECT_FALSE(keeper_->Current().has_value());
  Issue(name, absl::Hours(10));
  Pass(absl::Seconds(5));
  EXPECT_EQ(renewed_, 1);
  EXPECT_EQ(keeper_->CurrentFacts()->common_name, "system:node:n1");
  const auto stored = Store().Current();
  ASSERT_TRUE(stored.ok()) << stored.status();
  struct stat facts {};
  ASSERT_EQ(::stat(Store().CurrentPath().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  EXPECT_TRUE(fs::is_symlink(Store().CurrentPath()));
  EXPECT_FALSE(fs::exists(folder_ + "/pki/kubelet-client.key.tmp"));
}

TEST_F(CertificateKeeperTest, ARestartFindsTheRequestThatItSent) {
  Start();
  const std::string name = Requests().at(0);
  Start();
  EXPECT_EQ(Requests().size(), 1u);
  Issue(name, absl::Hours(10));
  Pass(absl::Seconds(5));
  EXPECT_EQ(renewed_, 1);
  // And one with a certificate asks for nothing.
  Start();
  EXPECT_EQ(Requests().size(), 1u);
  EXPECT_TRUE(keeper_->Current().has_value());
}

TEST_F(CertificateKeeperTest, RenewsAtFourFifthsWithAnotherKey) {
  Start();
  Issue(Requests().at(0), absl::Hours(10));
  Pass(absl::Seconds(5));
  const std::string first = keeper_->Current()->key_pem;
  Pass(absl::Hours(8) - absl::Seconds(10));
  EXPECT_EQ(Requests().size(), 1u);
  Pass(absl::Seconds(10));
  ASSERT_EQ(Requests().size(), 2u);
  for (const std::string& name : Requests()) Issue(name, absl::Hours(10));
  Pass(absl::Seconds(5));
  EXPECT_EQ(renewed_, 2);
  EXPECT_NE(keeper_->Current()->key_pem, first);
}

TEST_F(CertificateKeeperTest, AfterARefusalAnotherKeyIsTriedLater) {
  Start();
  const std::string name = Requests().at(0);
  Deny(name);
  Pass(absl::Milliseconds(100));
  EXPECT_EQ(failed_, 1);
  EXPECT_THAT(std::string(base::Message(keeper_->last_error())),
              StartsWith("certificate signing request is denied"));
  EXPECT_EQ(Requests().size(), 1u);
  Pass(absl::Seconds(2));
  EXPECT_EQ(Requests().size(), 2u);
}

TEST_F(CertificateKeeperTest, AServerThatIsAwayIsAskedAgain) {
  server_.FailNext(2, 503);
  Start();
  EXPECT_EQ(failed_, 1);
  Pass(absl::Seconds(2));
  Pass(absl::Seconds(4));
  EXPECT_EQ(Requests().size(), 1u);
}

TEST_F(CertificateKeeperTest, AsksAgainWhenTheNamesChange) {
  wish_ = std::nullopt;  // the addresses are not known yet
  Start();
  EXPECT_TRUE(Requests().empty());
  wish_ = NodeServingWish("n1", {"n1"}, {"192.0.2.1"});
  keeper_->Poke();
  executor_.RunAll();
  Issue(Requests().at(0), absl::Hours(10));
  Pass(absl::Seconds(5));
  EXPECT_EQ(renewed_, 1);
  wish_ = NodeServingWish("n1", {"n1"}, {"192.0.2.2"});
  Pass(absl::Seconds(1));
  keeper_->Poke();
  executor_.RunAll();
  EXPECT_EQ(Requests().size(), 2u);
}

TEST_F(CertificateKeeperTest, OfOldFilesAFewAreKept) {
  const std::string key = *MakeKeyPem();
  const std::string pem =
      SignForTest(*MakeRequestPem(key, *wish_), clock_.Now(), clock_.Now() + absl::Hours(1));
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(Store().Put({pem, key}, clock_.Now() + absl::Seconds(i)).ok());
  }
  int files = 0;
  for (const auto& entry : fs::directory_iterator(folder_ + "/pki")) {
    files += entry.is_regular_file() && !entry.is_symlink() ? 1 : 0;
  }
  EXPECT_EQ(files, 4);
  EXPECT_TRUE(Store().Current().ok());
  EXPECT_EQ(fs::read_symlink(Store().CurrentPath()).filename(),
            "kubelet-client-2023-11-14-22-13-29.pem");
}

TEST_F(CertificateKeeperTest, AKubeconfigIsGoodWhileItsCertificateLives) {
  const std::string path = folder_ + "/kubeconfig";
  EXPECT_FALSE(KubeconfigIsGood(path, clock_.Now()));
  client::Kubeconfig config;
  config.host = "192.0.2.1";
  config.tls.key_pem = *MakeKeyPem();
  config.tls.certificate_pem = SignForTest(*MakeRequestPem(config.tls.key_pem, *wish_),
                                           clock_.Now(), clock_.Now() + absl::Hours(1));
  ASSERT_TRUE(WritePemFile(path, client::WriteKubeconfig(config, "c", "u")).ok());
  EXPECT_TRUE(KubeconfigIsGood(path, clock_.Now()));
  EXPECT_FALSE(KubeconfigIsGood(path, clock_.Now() + absl::Hours(1)));
  config.tls = {};
  config.token = "t";
  ASSERT_TRUE(WritePemFile(path, client::WriteKubeconfig(config, "c", "u")).ok());
  EXPECT_TRUE(KubeconfigIsGood(path, clock_.Now() + absl::Hours(1)));
  ASSERT_TRUE(WritePemFile(path, "nonsense").ok());
  EXPECT_FALSE(KubeconfigIsGood(path, clock_.Now()));
}

}  // namespace
}  // namespace berth::agent
