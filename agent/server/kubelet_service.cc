// SPDX-License-Identifier: Apache-2.0
#include "agent/server/kubelet_service.h"

#include <fstream>
#include <iterator>

#include "agent/certs/certificate_store.h"
#include "agent/certs/serving_certificate.h"
#include "agent/pods/pod_directory.h"
#include "agent/server/kubelet_server.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/status.h"
#include "base/strings.h"
#include "http/server.h"

namespace berth::agent {
namespace {

using base::StrCat;

class NoPods : public PodDirectory {
 public:
  std::vector<std::shared_ptr<const api::core::v1::Pod>> Pods() const override { return {}; }
  std::shared_ptr<const api::core::v1::Pod> FindPod(std::string_view,
                                                    std::string_view) const override {
    return nullptr;
  }
  std::optional<ContainerRef> FindContainer(std::string_view, std::string_view, std::string_view,
                                            bool) const override {
    return std::nullopt;
  }
  std::optional<std::string> FindSandbox(std::string_view, std::string_view) const override {
    return std::nullopt;
  }
};

std::string Address(const std::string& host, int port) {
  return host.find(':') == std::string::npos ? StrCat(host, ":", port)
                                             : StrCat("[", host, "]:", port);
}

}  // namespace

class KubeletService::Impl {
 public:
  Impl(const KubeletConfig& config, const NodeIdentity& identity, std::string cert_dir,
       KubeletServiceParts parts)
      : config_(config),
        identity_(identity),
        cert_dir_(std::move(cert_dir)),
        parts_(std::move(parts)),
        auth_(config_, identity_.name, parts_.api, *parts_.clock),
        streaming_(*parts_.io),
        server_(config_, identity_.name, identity_.kubelet_version, ServerParts()) {}

  ~Impl() {
    // Listeners first: nothing may come in for parts that are going.
    std::unique_ptr<http::Server> api;
    {
      base::MutexLock lock(mu_);
      api = std::move(api_);
    }
    api = nullptr;
    healthz_ = nullptr;
  }

  absl::Status Start() {
    if (config_.enable_server) {
      base::MutexLock lock(mu_);
      RETURN_IF_ERROR(Listen());
    }
    if (config_.healthz_port > 0) {
      ASSIGN_OR_RETURN(
          healthz_, http::MakeServer(*parts_.io, *parts_.executor, http::ServerOptions(),
                                     [this](auto exchange) { server_.HandleHealthz(exchange); }));
      const std::string address = Address(config_.healthz_bind_address, config_.healthz_port);
      RETURN_IF_ERROR(healthz_->Listen(address).status(), "listening on ", address);
    }
    return absl::OkStatus();
  }

  void ReloadChangedFiles() {
    if (!config_.enable_server) return;
    base::MutexLock lock(mu_);
    if (api_ == nullptr) {
      if (const absl::Status status = Listen(); !status.ok()) {
        BERTH_WARNING("the node's API cannot be served", {"error", status});
      }
      return;
    }
    auto now = Tls();
    if (!now.ok()) {
      BERTH_WARNING("serving certificate cannot be read again", {"error", now.status()});
      return;
    }
    if (now->certificate_pem == tls_.certificate_pem && now->key_pem == tls_.key_pem &&
        now->client_ca_pem == tls_.client_ca_pem) {
      return;
    }
    if (const absl::Status status = api_->ReloadTls(*now); !status.ok()) {
      BERTH_WARNING("new serving certificate is not usable", {"error", status});
      return;
    }
    tls_ = *std::move(now);
    BERTH_INFO("serving certificate or client CA read again");
  }

  int port() const {
    base::MutexLock lock(mu_);
    return port_;
  }

 private:
  // Opens the port. With serverTLSBootstrap that has to wait until the cluster has issued a
  // certificate: until then there is nothing to show to a caller.
  absl::Status Listen() BERTH_REQUIRES(mu_) {
    auto tls = Tls();
    if (config_.server_tls_bootstrap && config_.tls_cert_file.empty() &&
        absl::IsNotFound(tls.status())) {
      return absl::OkStatus();
    }
    if (!tls.ok()) return tls.status();
    tls_ = *std::move(tls);
    http::ServerOptions options;
    options.tls = tls_;
    ASSIGN_OR_RETURN(auto server,
                     http::MakeServer(*parts_.io, *parts_.executor, options,
                                      [this](auto exchange) { server_.Handle(exchange); }));
    const std::string address = Address(config_.address, config_.port);
    ASSIGN_OR_RETURN(port_, server->Listen(address), "listening on ", address);
    api_ = std::move(server);
    return absl::OkStatus();
  }

  KubeletServerParts ServerParts() {
    KubeletServerParts out;
    out.auth = &auth_;
    out.pods = parts_.pods == nullptr ? &no_pods_ : parts_.pods;
    out.runtime = parts_.runtime;
    out.logs = &logs_;
    out.streaming = &streaming_;
    out.clock = parts_.clock;
    out.metrics = parts_.metrics;
    out.healthy = parts_.healthy;
    return out;
  }

  absl::StatusOr<http::TlsServerOptions> Tls() const {
    http::TlsServerOptions tls;
    CertificateAndKey pair;
    if (!config_.tls_cert_file.empty()) {
      ASSIGN_OR_RETURN(pair, LoadCertificate(config_.tls_cert_file, config_.tls_private_key_file),
                       "tlsCertFile");
    } else if (config_.server_tls_bootstrap && parts_.api != nullptr) {
      ASSIGN_OR_RETURN(pair, CertificateStore(cert_dir_, "kubelet-server").Current());
    } else {
      ASSIGN_OR_RETURN(
          pair,
          LoadOrMakeSelfSigned(cert_dir_, identity_.name, identity_.addresses, parts_.clock->Now()),
          "making a serving certificate");
    }
    tls.certificate_pem = std::move(pair.certificate_pem);
    tls.key_pem = std::move(pair.key_pem);
    if (!config_.client_ca_file.empty()) {
      std::ifstream in(config_.client_ca_file);
      if (!in) return base::FromErrno(errno, StrCat("clientCAFile ", config_.client_ca_file));
      tls.client_ca_pem.assign(std::istreambuf_iterator<char>(in),
                               std::istreambuf_iterator<char>());
    }
    return tls;
  }

  const KubeletConfig config_;
  const NodeIdentity identity_;
  const std::string cert_dir_;
  const KubeletServiceParts parts_;
  NoPods no_pods_;
  RequestAuth auth_;
  LogStreams logs_;
  StreamingProxy streaming_;
  KubeletServer server_;
  mutable base::Mutex mu_;  // held while a listener is made or reloaded, which does not block
  http::TlsServerOptions tls_ BERTH_GUARDED_BY(mu_);
  int port_ BERTH_GUARDED_BY(mu_) = 0;
  std::unique_ptr<http::Server> api_ BERTH_GUARDED_BY(mu_);
  std::unique_ptr<http::Server> healthz_;
};

KubeletService::KubeletService(const KubeletConfig& config, const NodeIdentity& identity,
                               std::string cert_dir, KubeletServiceParts parts)
    : impl_(std::make_unique<Impl>(config, identity, std::move(cert_dir), std::move(parts))) {}
KubeletService::~KubeletService() = default;
absl::Status KubeletService::Start() { return impl_->Start(); }
void KubeletService::ReloadChangedFiles() { impl_->ReloadChangedFiles(); }
int KubeletService::port() const { return impl_->port(); }

}  // namespace berth::agent
