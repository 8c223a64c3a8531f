// SPDX-License-Identifier: Apache-2.0
#include "client/kubeconfig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/status.h"

namespace berth::client {
namespace {

using testing::HasSubstr;

constexpr std::string_view kText = R"(apiVersion: v1
kind: Config
current-context: main
contexts:
- name: other
  context: {cluster: none, user: none}
- name: main
  context:
    cluster: c
    user: u
    namespace: team
clusters:
- name: c
  cluster:
    server: https://[fd00::1]:6443/
    certificate-authority: ca.pem
    tls-server-name: kubernetes
users:
- name: u
  user:
    client-certificate-data: Q0VSVA==
    client-key-data: S0VZ
    tokenFile: token
)";

class KubeconfigTest : public testing::Test {
 protected:
  KubeconfigTest() {
    char name[] = "/tmp/kubeconfig_test.XXXXXX";
    folder_ = mkdtemp(name);
    Write("ca.pem", "CA");
  }
  ~KubeconfigTest() override { std::filesystem::remove_all(folder_); }
  std::string Write(const std::string& name, std::string_view text) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  std::string Error(std::string text) {
    return std::string(base::Message(LoadKubeconfig(Write("config", text)).status()));
  }
  static std::string With(std::string_view from, std::string_view to) {
    std::string out(kText);
    out.replace(out.find(from), from.size(), to);
    return out;
  }
  std::string folder_;
};

TEST_F(KubeconfigTest, ReadsTheCurrentContext) {
  const auto config = LoadKubeconfig(Write("config", kText));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->host, "fd00::1");
  EXPECT_EQ(config->port, 6443);
  EXPECT_TRUE(config->https);
  EXPECT_EQ(config->namespace_, "team");
  EXPECT_EQ(config->tls.ca_pem, "CA");
  EXPECT_EQ(config->tls.server_name, "kubernetes");
  EXPECT_EQ(config->tls.certificate_pem, "CERT");
  EXPECT_EQ(config->tls.key_pem, "KEY");
  EXPECT_EQ(config->token_file, folder_ + "/token");
}

TEST_F(KubeconfigTest, ErrorsNameFileAndField) {
  EXPECT_THAT(Error(With("current-context: main", "current-context: absent")),
              HasSubstr("/config: contexts: no entry named \"absent\""));
  EXPECT_THAT(Error(With("https://[fd00::1]:6443/", "ftp://x")),
              HasSubstr("clusters[c].cluster.server: want https://host:port"));
  EXPECT_THAT(Error(With("certificate-authority: ca.pem", "certificate-authority: gone.pem")),
              HasSubstr("clusters[c].cluster.certificate-authority: cannot read"));
  EXPECT_THAT(Error(With("S0VZ", "'!'")),
              HasSubstr("users[u].user.client-key-data: malformed base64"));
  EXPECT_THAT(Error(With("tokenFile: token", "exec: {}")),
              HasSubstr("users[u].user.exec: not supported"));
  EXPECT_THAT(Error("- a\n"), HasSubstr("want a mapping"));
  EXPECT_THAT(Error(""), testing::Not(testing::IsEmpty()));
}

TEST_F(KubeconfigTest, FilesOfTheClientAreNamedAndNotCopied) {
  Write("current.pem", "PAIR");
  Kubeconfig config;
  config.host = "10.0.0.1";
  config.certificate_file = config.key_file = folder_ + "/current.pem";
  const std::string text = WriteKubeconfig(config, "berth", "node", "https://other:7443");
  EXPECT_THAT(text, testing::Not(HasSubstr("client-certificate-data")));
  const auto back = ParseKubeconfig(text, ".");
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->tls.certificate_pem, "PAIR");
  EXPECT_EQ(back->key_file, folder_ + "/current.pem");
  EXPECT_EQ(back->host, "other");
}

TEST_F(KubeconfigTest, WhatIsWrittenReadsBack) {
  Kubeconfig config;
  config.host = "10.0.0.1";
  config.port = 6443;
  config.tls = {"CA", "CERT", "KEY", "name", false};
  config.token = "secret";
  config.namespace_ = "x";
  const auto back = ParseKubeconfig(WriteKubeconfig(config, "berth", "admin"), ".");
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->host, "10.0.0.1");
  EXPECT_EQ(back->port, 6443);
  EXPECT_EQ(back->tls.ca_pem, "CA");
  EXPECT_EQ(back->tls.certificate_pem, "CERT");
  EXPECT_EQ(back->tls.key_pem, "KEY");
  EXPECT_EQ(back->tls.server_name, "name");
  EXPECT_EQ(back->token, "secret");
  EXPECT_EQ(back->namespace_, "x");
}

}  // namespace
}  // namespace berth::client
