// SPDX-License-Identifier: Apache-2.0
// The node's credentials: how it comes by them, and how they stay fresh.
#include <filesystem>
#include <random>

#include "agent/certs/client_bootstrap.h"
#include "agent/certs/rotation_plan.h"
#include "agent/daemon/daemon.h"
#include "api/proto/core/v1/node.pb.h"
#include "base/log.h"
#include "base/service.h"
#include "base/status.h"

namespace berth::agent {
namespace {

double RandomShare() {
  std::random_device source;
  return std::uniform_real_distribution<double>(0, 1)(source);
}

absl::Duration TimeToLive(const CertificateKeeper& keeper, absl::Time now) {
  const auto facts = keeper.CurrentFacts();
  return facts.has_value() ? facts->not_after - now : absl::InfiniteDuration();
}

}  // namespace

absl::Status Daemon::Bootstrap() {
  if (KubeconfigIsGood(flags_.kubeconfig, clock_.Now())) return absl::OkStatus();
  if (std::filesystem::exists(flags_.kubeconfig) &&
      !std::filesystem::exists(flags_.bootstrap_kubeconfig)) {
    // Pods that are here are looked after; with a token beside it the node would join again.
    BERTH_WARNING("there is no bootstrap kubeconfig to join with",
                  {"file", flags_.bootstrap_kubeconfig});
    return absl::OkStatus();
  }
  BootstrapOptions options;
  options.kubeconfig = flags_.kubeconfig;
  options.bootstrap_kubeconfig = flags_.bootstrap_kubeconfig;
  options.cert_dir = flags_.cert_dir;
  options.node_name = identity_.name;
  options.go_on = base::StartGoesOn;
  return BootstrapClient(options, io_, pool_, clock_);
}

absl::StatusOr<std::unique_ptr<client::ApiClient>> Daemon::MakeNodeClient(absl::Duration timeout) {
  ASSIGN_OR_RETURN(auto transport, client::MakeTransport(io_, kubeconfig_), flags_.kubeconfig);
  node_transports_.push_back(transport.get());
  return std::make_unique<client::ApiClient>(std::move(transport), timeout);
}

// What was renewed since the kubeconfig was written is in the store, not in there.
void Daemon::UseStoredCertificate() {
  const auto pair = CertificateStore(flags_.cert_dir, "kubelet-client").Current();
  if (!pair.ok()) return;
  const auto facts = ReadCertificateFacts(pair->certificate_pem);
  if (!facts.ok() || facts->not_after <= clock_.Now() ||
      !Fits(*facts, NodeClientWish(identity_.name))) {
    return;
  }
  kubeconfig_.tls.certificate_pem = pair->certificate_pem;
  kubeconfig_.tls.key_pem = pair->key_pem;
}

void Daemon::KeepClientCertificate() {
  CertificateKeeperParts parts;
  parts.api = api_.get();
  parts.clock = &clock_;
  parts.executor = &node_pool_;
  parts.wish = [wish = NodeClientWish(identity_.name)] { return wish; };
  parts.renewed = [this](const CertificateAndKey& pair) { ClientCertificateRenewed(pair); };
  parts.failed = [this] { metrics_.ClientRenewalFailed(); };
  parts.share = RandomShare;
  client_keeper_ = std::make_unique<CertificateKeeper>(
      "kubelet-client", CertificateStore(flags_.cert_dir, "kubelet-client"), std::move(parts));
  metrics_.WatchClientCertificate([this] { return TimeToLive(*client_keeper_, clock_.Now()); });
  client_keeper_->Start();
}

void Daemon::ClientCertificateRenewed(const CertificateAndKey& pair) {
  http::TlsClientOptions tls = kubeconfig_.tls;
  tls.certificate_pem = pair.certificate_pem;
  tls.key_pem = pair.key_pem;
  for (client::RenewableTransport* transport : node_transports_) {
    if (const absl::Status status = transport->ReloadTls(tls); !status.ok()) {
      BERTH_WARNING("the new client certificate is not usable", {"error", status});
    }
  }
}

std::optional<CertificateWish> Daemon::ServingWish() const {
  const auto node = node_->node();
  if (node == nullptr) return std::nullopt;
  std::vector<std::string> names, addresses;
  for (const auto& address : node->status().addresses()) {
    const bool is_ip = address.type() == "InternalIP" || address.type() == "ExternalIP";
    (is_ip ? addresses : names).push_back(address.address());
  }
  if (names.empty() && addresses.empty()) return std::nullopt;
  return NodeServingWish(identity_.name, std::move(names), std::move(addresses));
}

void Daemon::KeepServingCertificate() {
  CertificateKeeperParts parts;
  parts.api = api_.get();
  parts.clock = &clock_;
  parts.executor = &node_pool_;
  parts.wish = [this] { return ServingWish(); };
  parts.renewed = [this](const CertificateAndKey&) { service_->ReloadChangedFiles(); };
  parts.replaced = [this](absl::Duration age) { metrics_.ServerCertificateReplaced(age); };
  parts.failed = [this] { metrics_.ServerRenewalFailed(); };
  parts.share = RandomShare;
  serving_keeper_ = std::make_unique<CertificateKeeper>(
      "kubelet-server", CertificateStore(flags_.cert_dir, "kubelet-server"), std::move(parts));
  metrics_.WatchServerCertificate([this] { return TimeToLive(*serving_keeper_, clock_.Now()); });
  serving_keeper_->Start();
}

// The API server is there and does not know this node any more: a new process bootstraps again.
absl::Status Daemon::CheckClientCertificate() const {
  if (client_keeper_ == nullptr || flags_.bootstrap_kubeconfig.empty()) return absl::OkStatus();
  const auto facts = client_keeper_->CurrentFacts();
  if (!facts.has_value() || !IsLost(*facts, client_keeper_->last_error(), clock_.Now()) ||
      !std::filesystem::exists(flags_.bootstrap_kubeconfig)) {
    return absl::OkStatus();
  }
  return base::FailedPrecondition("the client certificate has expired and could not be renewed");
}

}  // namespace berth::agent
