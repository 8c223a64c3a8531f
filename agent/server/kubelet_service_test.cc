// SPDX-License-Identifier: Apache-2.0
#include "agent/server/kubelet_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "agent/certs/certificate_store.h"
#include "client/api_client.h"
#include "client/fake_api_server.h"
#include "http/client.h"
#include "http/test_certs.h"

namespace berth::agent {
namespace {

class KubeletServiceTest : public ::testing::Test {
 protected:
  KubeletServiceTest()
      : api_(client::MakeInProcessTransport(server_.handler(), pool_, http::PeerCertificate{})) {
    std::string path = ::testing::TempDir() + "/service-XXXXXX";
    folder_ = ::mkdtemp(path.data());
    config_.address = "127.0.0.1";
    config_.port = 0;
    config_.healthz_port = 0;
    config_.server_tls_bootstrap = true;
    identity_.name = "n1";
  }
  ~KubeletServiceTest() override {
    service_.reset();
    std::filesystem::remove_all(folder_);
  }

  absl::Status Start() {
    KubeletServiceParts parts;
    parts.api = &api_;
    parts.io = &io_;
    parts.executor = &pool_;
    parts.clock = &clock_;
    parts.healthy = [] { return absl::OkStatus(); };
    service_ = std::make_unique<KubeletService>(config_, identity_, folder_, std::move(parts));
    return service_->Start();
  }
  // As the cluster's signer and the keeper of certificates would.
  void Issue(const http::TestCa& ca) {
    const auto pair = ca.Server("DNS:n1");
    ASSERT_TRUE(CertificateStore(folder_, "kubelet-server")
                    .Put({pair.certificate_pem, pair.key_pem}, clock_.Now())
                    .ok());
    clock_.Advance(absl::Seconds(1));
  }
  // The status that a stranger, or somebody with a certificate, gets who trusts this authority; 0
  // when there is no connection.
  int Ask(const http::TestCa& ca, const http::TestIdentity& as = {}) {
    http::ClientOptions options;
    options.host = "127.0.0.1";
    options.port = service_->port();
    http::TlsClientOptions tls;
    tls.ca_pem = ca.pem();
    tls.server_name = "n1";
    tls.certificate_pem = as.certificate_pem;
    tls.key_pem = as.key_pem;
    options.tls = tls;
    const auto response =
        http::MakeClient(io_, options).value()->Do({"GET", "/pods"}, absl::Seconds(20));
    return response.ok() ? response->status : 0;
  }

  std::string folder_;
  base::FakeClock clock_;
  http::IoContext io_;
  base::ThreadPool pool_{"test", 4};
  client::FakeApiServer server_;
  client::ApiClient api_;
  KubeletConfig config_;
  NodeIdentity identity_;
  std::unique_ptr<KubeletService> service_;
};

TEST_F(KubeletServiceTest, ThePortOpensWhenTheClusterHasIssuedACertificate) {
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(service_->port(), 0);
  service_->ReloadChangedFiles();
  EXPECT_EQ(service_->port(), 0);
  const http::TestCa ca;
  Issue(ca);
  service_->ReloadChangedFiles();
  ASSERT_GT(service_->port(), 0);
  EXPECT_EQ(Ask(ca), 401);
}

TEST_F(KubeletServiceTest, ARenewedCertificateIsShownToNewConnections) {
  const http::TestCa before("before"), after("after");
  Issue(before);
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Ask(before), 401);
  Issue(after);
  service_->ReloadChangedFiles();
  EXPECT_EQ(Ask(after), 401);
  EXPECT_EQ(Ask(before), 0);
}

TEST_F(KubeletServiceTest, AnotherClientAuthorityCountsAfterItsFileChanged) {
  const http::TestCa serving, before("before"), after("after");
  config_.client_ca_file = folder_ + "/ca.crt";
  std::ofstream(config_.client_ca_file) << before.pem();
  Issue(serving);
  ASSERT_TRUE(Start().ok());
  const auto bob = after.Client("bob");
  EXPECT_EQ(Ask(serving, bob), 0);
  std::ofstream(config_.client_ca_file) << after.pem();
  service_->ReloadChangedFiles();
  EXPECT_NE(Ask(serving, bob), 0);
  EXPECT_NE(Ask(serving, bob), 401);  // known, though he may nothing
  EXPECT_EQ(Ask(serving, before.Client("eve")), 0);
}

TEST_F(KubeletServiceTest, WithoutAClusterToAskThereIsACertificateOfItsOwn) {
  config_.server_tls_bootstrap = false;
  ASSERT_TRUE(Start().ok());
  EXPECT_GT(service_->port(), 0);
  EXPECT_EQ(Ask(http::TestCa()), 0);  // nobody vouches for it
}

}  // namespace
}  // namespace berth::agent
