// SPDX-License-Identifier: Apache-2.0
#include "controlplane/bootstrap_kubeconfig.h"

#include "api/proto/core/v1/config.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "client/api_client.h"
#include "client/kubeconfig.h"
#include "controlplane/auth/bootstrap_token.h"
#include "http/io_context.h"

namespace berth::controlplane {
namespace {

absl::StatusOr<absl::Duration> Lifetime(const std::string& ttl) {
  if (ttl == "0") return absl::InfiniteDuration();
  ASSIGN_OR_RETURN(const absl::Duration lifetime, ParsePeriod(ttl), "--ttl");
  return lifetime;
}

}  // namespace

absl::StatusOr<std::string> MakeBootstrapKubeconfig(const Config& config,
                                                    const Invitation& invitation) {
  BootstrapTokenUse use;
  ASSIGN_OR_RETURN(use.lifetime, Lifetime(invitation.ttl));
  use.description = invitation.description;
  ASSIGN_OR_RETURN(const client::Kubeconfig admin,
                   client::LoadKubeconfig(base::StrCat(config.data_dir, "/admin.kubeconfig")),
                   "the control plane has not been started with this data directory");
  http::IoContext io(1);
  ASSIGN_OR_RETURN(auto transport, client::MakeTransport(io, admin));
  client::ApiClient api(std::move(transport));
  const BootstrapToken token = NewBootstrapToken();
  RETURN_IF_ERROR(
      api.Create(client::kSecrets, MakeBootstrapSecret(token, use, absl::Now()), nullptr),
      "storing a bootstrap token");
  client::Kubeconfig out;
  out.host = admin.host;
  out.port = admin.port;
  out.tls.ca_pem = admin.tls.ca_pem;
  out.token = token.Text();
  return client::WriteKubeconfig(out, "berth", "bootstrap", invitation.server);
}

}  // namespace berth::controlplane
