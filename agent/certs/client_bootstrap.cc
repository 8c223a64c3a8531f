// SPDX-License-Identifier: Apache-2.0
#include "agent/certs/client_bootstrap.h"

#include "agent/certs/certificate_keeper.h"
#include "agent/certs/pem_file.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/status.h"
#include "base/strings.h"
#include "client/api_client.h"
#include "client/kubeconfig.h"

namespace berth::agent {
namespace {

constexpr absl::Duration kLook = absl::Milliseconds(200);

// An answer that does not get better by waiting.
bool IsFinal(const absl::Status& error) {
  return absl::IsUnauthenticated(error) || absl::IsPermissionDenied(error) ||
         absl::IsFailedPrecondition(error) || absl::IsInvalidArgument(error);
}

// Until the keeper has its certificate.
absl::Status Wait(const BootstrapOptions& options, const CertificateKeeper& keeper,
                  base::Clock& clock) {
  base::Mutex mu;
  base::CondVar never;
  const absl::Time end = clock.Now() + options.patience;
  while (true) {
    const auto facts = keeper.CurrentFacts();
    if (facts.has_value() && facts->not_after > clock.Now()) return absl::OkStatus();
    const absl::Status error = keeper.last_error();
    if (IsFinal(error)) return error;
    if (!options.go_on()) return absl::CancelledError("ended while it waited for its certificate");
    if (clock.Now() > end) {
      return absl::DeadlineExceededError("no certificate came; is the request approved?");
    }
    base::MutexLock lock(mu);
    never.WaitFor(mu, kLook);
  }
}

}  // namespace

bool KubeconfigIsGood(const std::string& path, absl::Time now) {
  const auto config = client::LoadKubeconfig(path);
  if (!config.ok()) {
    if (!absl::IsNotFound(config.status())) {
      BERTH_WARNING("kubeconfig is not usable", {"error", config.status()});
    }
    return false;
  }
  if (config->tls.certificate_pem.empty()) return true;
  const auto facts = ReadCertificateFacts(config->tls.certificate_pem);
  if (!facts.ok()) return false;
  if (facts->not_after <= now) {
    BERTH_WARNING("the client certificate of the kubeconfig has expired", {"file", path});
    return false;
  }
  return true;
}

absl::Status BootstrapClient(const BootstrapOptions& options, http::IoContext& io,
                             base::Executor& executor, base::Clock& clock) {
  ASSIGN_OR_RETURN(client::Kubeconfig config, client::LoadKubeconfig(options.bootstrap_kubeconfig),
                   "--bootstrap-kubeconfig");
  ASSIGN_OR_RETURN(auto transport, client::MakeTransport(io, config), options.bootstrap_kubeconfig);
  client::ApiClient api(std::move(transport));
  const CertificateStore store(options.cert_dir, "kubelet-client");
  CertificateKeeperParts parts;
  parts.api = &api;
  parts.clock = &clock;
  parts.executor = &executor;
  parts.wish = [&options] { return NodeClientWish(options.node_name); };
  parts.request_prefix = "node-csr-";
  parts.afresh = true;
  BERTH_INFO("joining the cluster with a bootstrap token", {"node", options.node_name},
             {"server", config.host});
  {
    CertificateKeeper keeper("kubelet-client", store, std::move(parts));
    keeper.Start();
    RETURN_IF_ERROR(Wait(options, keeper, clock), "bootstrapping the node's identity");
  }
  config.token.clear();
  config.token_file.clear();
  config.certificate_file = config.key_file = store.CurrentPath();
  RETURN_IF_ERROR(WritePemFile(options.kubeconfig,
                               client::WriteKubeconfig(config, "default-cluster", "default-auth")),
                  "writing --kubeconfig");
  BERTH_INFO("the node has its identity", {"kubeconfig", options.kubeconfig});
  return absl::OkStatus();
}

}  // namespace berth::agent
