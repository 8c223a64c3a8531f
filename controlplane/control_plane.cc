// SPDX-License-Identifier: Apache-2.0
#include "controlplane/control_plane.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/clock.h"
#include "base/executor.h"
#include "base/liveness.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "client/api_client.h"
#include "client/transport.h"
#include "controlplane/apiserver/api_server.h"
#include "controlplane/controllers/controllers.h"
#include "controlplane/housekeeping.h"
#include "controlplane/periodic.h"
#include "controlplane/pki/cluster_pki.h"
#include "controlplane/store/store.h"
#include "controlplane/strategies/allocator.h"
#include "http/io_context.h"
#include "http/server.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

constexpr int kHandlerThreads = 16;
constexpr std::string_view kHealthKey = "/registry/health";  // read to see the store answer
constexpr absl::Duration kHousekeepingPeriod = absl::Minutes(5);

// The first address of this machine that others can reach, else loopback.
std::string OwnAddress() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return "127.0.0.1";
  std::string found = "127.0.0.1";
  for (const ifaddrs* at = all; at != nullptr; at = at->ifa_next) {
    const bool usable = at->ifa_addr != nullptr && at->ifa_addr->sa_family == AF_INET &&
                        (at->ifa_flags & IFF_LOOPBACK) == 0 && (at->ifa_flags & IFF_UP) != 0;
    if (!usable) continue;
    const auto* address = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
    found = FormatIpv4(ntohl(address->sin_addr.s_addr));
    break;
  }
  ::freeifaddrs(all);
  return found;
}

std::string AdvertiseAddress(const Config& config) {
  if (!config.advertise_address.empty()) return config.advertise_address;
  const bool any = config.bind_address.empty() || config.bind_address == "0.0.0.0";
  return any ? OwnAddress() : config.bind_address;
}

absl::StatusOr<ClusterPki> LoadPki(const Config& config, absl::Time now) {
  ASSIGN_OR_RETURN(const Ipv4Range services, ParseCidr(config.service_cluster_ip_range));
  std::vector<std::string> addresses = {"127.0.0.1", FormatIpv4(services.first + 1)};
  for (const std::string& address : {AdvertiseAddress(config), config.bind_address}) {
    const bool usable = !address.empty() && address != "0.0.0.0" && address != "127.0.0.1";
    if (usable && address != addresses.back()) addresses.push_back(address);
  }
  std::vector<std::string> names = {"localhost", "kubernetes", "kubernetes.default",
                                    "kubernetes.default.svc",
                                    "kubernetes.default.svc.cluster.local"};
  char host[256] = "";
  if (::gethostname(host, sizeof host - 1) == 0 && host[0] != '\0') names.emplace_back(host);
  return LoadOrMakePki(config.data_dir, names, addresses, now);
}

}  // namespace

// In the order of construction; what comes later uses what comes earlier.
struct ControlPlane::Parts {
  base::RealClock clock;
  http::IoContext io;
  base::ThreadPool executor{"api", kHandlerThreads};
  std::unique_ptr<Store> store;
  std::unique_ptr<ApiServer> api;
  std::unique_ptr<Periodic> housekeeping;
  std::unique_ptr<http::Server> server;
  std::unique_ptr<client::ApiClient> client;
  std::unique_ptr<Controllers> controllers;
  std::vector<base::Liveness> liveness;
};

ControlPlane::ControlPlane() : parts_(std::make_unique<Parts>()) {}

ControlPlane::~ControlPlane() {
  if (parts_->api != nullptr) parts_->api->SetReady(false);
  parts_->controllers.reset();
  parts_->client.reset();
  parts_->server.reset();
  parts_->housekeeping.reset();
}

absl::StatusOr<std::unique_ptr<ControlPlane>> ControlPlane::Start(const Config& config,
                                                                  const std::string& version) {
  std::unique_ptr<ControlPlane> plane(new ControlPlane);
  Parts& parts = *plane->parts_;
  std::error_code error;
  std::filesystem::create_directories(config.data_dir, error);
  if (error) return base::FromErrno(error.value(), StrCat("creating ", config.data_dir));
  std::filesystem::permissions(config.data_dir, std::filesystem::perms::owner_all, error);
  ASSIGN_OR_RETURN(const ClusterPki pki, LoadPki(config, parts.clock.Now()));
  ASSIGN_OR_RETURN(parts.store, OpenSqliteStore({.path = StrCat(config.data_dir, "/state.db")}));
  ASSIGN_OR_RETURN(const auto grace, ParsePeriod(config.node_monitor_grace_period));
  ASSIGN_OR_RETURN(const auto signing, ParsePeriod(config.cluster_signing_duration));
  ASSIGN_OR_RETURN(const auto node_ports, ParsePortRange(config.service_node_port_range));
  ApiServerOptions options;
  options.version.git_version = version;
  options.services = {.cidr = config.service_cluster_ip_range, .node_ports = node_ports};
  options.token_key_pem = pki.token_key_pem;
  options.kubelet_client = pki.kubelet_client;
  options.advertise_address = AdvertiseAddress(config);
  options.advertise_port = config.secure_port;
  ASSIGN_OR_RETURN(parts.api, ApiServer::Make(*parts.store, parts.clock, parts.io, options));
  RETURN_IF_ERROR(parts.api->Bootstrap(), "bootstrapping the cluster");
  parts.housekeeping =
      std::make_unique<Periodic>(parts.clock, parts.executor, kHousekeepingPeriod,
                                 [&parts, compaction = std::make_shared<Compaction>(*parts.store)] {
                                   DeleteOldEvents(parts.api->registry(), parts.clock.Now());
                                   compaction->Run();
                                 });

  http::ServerOptions serving;
  serving.tls = http::TlsServerOptions{.certificate_pem = pki.serving.certificate_pem,
                                       .key_pem = pki.serving.key_pem,
                                       .client_ca_pem = pki.authority.certificate_pem};
  ASSIGN_OR_RETURN(parts.server,
                   http::MakeServer(parts.io, parts.executor, serving, parts.api->handler()));
  ASSIGN_OR_RETURN(const int port,
                   parts.server->Listen(StrCat(config.bind_address, ":", config.secure_port)));
  for (int i = 0, count = sd_listen_fds(1); i < count; ++i) {
    RETURN_IF_ERROR(parts.server->ListenOn(SD_LISTEN_FDS_START + i), "socket that was passed in");
  }
  ASSIGN_OR_RETURN(
      const std::string admin,
      MakeKubeconfig(pki.authority, StrCat("https://", AdvertiseAddress(config), ":", port),
                     "kubernetes-admin", {std::string(kMasters)}, parts.clock.Now()));
  RETURN_IF_ERROR(WriteFileAtomically(StrCat(config.data_dir, "/admin.kubeconfig"), admin, 0600));
  parts.api->SetReady(true);

  parts.client = std::make_unique<client::ApiClient>(client::MakeInProcessTransport(
      parts.api->handler(), parts.executor,
      http::PeerCertificate{.common_name = "system:kube-controller-manager",
                            .organizations = {std::string(kMasters)}}));
  parts.controllers =
      std::make_unique<Controllers>(*parts.client, parts.clock,
                                    ControllerOptions{.cluster_cidr = config.cluster_cidr,
                                                      .ca_bundle = pki.authority.certificate_pem,
                                                      .node_monitor_grace = grace,
                                                      .authority = pki.authority,
                                                      .signing_duration = signing});
  parts.controllers->Start();
  for (auto& post : parts.io.Posters()) parts.liveness.emplace_back("the network loop", post);
  parts.liveness.emplace_back("the API's thread pool or its store", [&parts](auto task) {
    parts.executor.Post([&parts, task = std::move(task)]() mutable {
      const absl::Status read = parts.store->Get(kHealthKey).status();
      if (read.ok() || absl::IsNotFound(read)) task();
    });
  });
  BERTH_INFO("the control plane serves", {"address", config.bind_address}, {"port", port},
             {"data", config.data_dir});
  return plane;
}

absl::Status ControlPlane::Health() { return base::CheckAll(parts_->liveness); }

absl::StatusOr<std::string> NodeKubeconfig(const Config& config, const std::string& node,
                                           const std::string& server) {
  ASSIGN_OR_RETURN(const KeyPair authority, LoadAuthority(config.data_dir),
                   "the control plane has not been started with this data directory");
  const std::string url =
      server.empty() ? StrCat("https://", AdvertiseAddress(config), ":", config.secure_port)
                     : server;
  return MakeKubeconfig(authority, url, StrCat(kNodeUserPrefix, node), {std::string(kNodes)},
                        absl::Now());
}

}  // namespace berth::controlplane
