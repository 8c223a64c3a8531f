// SPDX-License-Identifier: Apache-2.0
// berth-controlplane: API server, scheduler and controllers in one process.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "base/log.h"
#include "base/service.h"
#include "base/status.h"
#include "controlplane/bootstrap_kubeconfig.h"
#include "controlplane/config.h"
#include "controlplane/control_plane.h"

namespace {

using berth::controlplane::Config;

struct Arguments {
  Config flags;
  std::string config_file;
  int verbosity = 0;
  std::string log_format = "text";
  std::string node;
  std::string server;
  berth::controlplane::Invitation invitation;
};

struct Commands {
  CLI::App* kubeconfig = nullptr;
  CLI::App* bootstrap = nullptr;
};

void DefineFlags(CLI::App& app, Arguments& arguments) {
  Config& flags = arguments.flags;
  app.add_option("--data-dir", flags.data_dir, "where state, keys and certificates are kept");
  app.add_option("--bind-address", flags.bind_address, "the IPv4 address to listen on");
  app.add_option("--secure-port", flags.secure_port, "the port to listen on");
  app.add_option("--advertise-address", flags.advertise_address,
                 "the address under which nodes and pods reach this server");
  app.add_option("--service-cluster-ip-range", flags.service_cluster_ip_range,
                 "the range of cluster addresses");
  app.add_option("--cluster-cidr", flags.cluster_cidr, "the range of pod addresses");
  app.add_option("--service-node-port-range", flags.service_node_port_range,
                 "the range of node ports");
  app.add_option("--node-monitor-grace-period", flags.node_monitor_grace_period,
                 "how long a node may be silent before it counts as lost");
  app.add_option("--cluster-signing-duration", flags.cluster_signing_duration,
                 "the longest life of certificates that are asked for by the API");
  app.add_option("--config", arguments.config_file, "a YAML file with these settings");
  app.add_option("-v,--v", arguments.verbosity, "how much to log: 0, or 2 for every detail");
  app.add_option("--logging-format", arguments.log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
}

Commands DefineCommands(CLI::App& app, Arguments& arguments) {
  Commands out;
  out.kubeconfig = app.add_subcommand("kubeconfig", "print a kubeconfig with a node's certificate");
  out.kubeconfig->add_option("--node", arguments.node, "the node's name")->required();
  out.kubeconfig->add_option("--server", arguments.server, "the API server's URL");
  out.kubeconfig->fallthrough();
  out.bootstrap = app.add_subcommand(
      "bootstrap-kubeconfig",
      "make a bootstrap token and print the kubeconfig with which nodes join by it");
  out.bootstrap->add_option("--ttl", arguments.invitation.ttl,
                            "how long the token is good: 24h; 0 for ever");
  out.bootstrap->add_option("--description", arguments.invitation.description,
                            "what the token is for, for people who list tokens");
  out.bootstrap->add_option("--server", arguments.invitation.server, "the API server's URL");
  out.bootstrap->fallthrough();
  return out;
}

// The file first, then each flag that was given.
absl::Status MergeConfig(const CLI::App& app, const Arguments& arguments, Config& config) {
  if (!arguments.config_file.empty()) {
    RETURN_IF_ERROR(berth::controlplane::ReadConfigFile(arguments.config_file, config));
  }
  const Config& flags = arguments.flags;
  auto take = [&app](const char* name, const auto& from, auto& to) {
    if (app.count(name) > 0) to = from;
  };
  take("--data-dir", flags.data_dir, config.data_dir);
  take("--bind-address", flags.bind_address, config.bind_address);
  take("--secure-port", flags.secure_port, config.secure_port);
  take("--advertise-address", flags.advertise_address, config.advertise_address);
  take("--service-cluster-ip-range", flags.service_cluster_ip_range,
       config.service_cluster_ip_range);
  take("--cluster-cidr", flags.cluster_cidr, config.cluster_cidr);
  take("--service-node-port-range", flags.service_node_port_range, config.service_node_port_range);
  take("--node-monitor-grace-period", flags.node_monitor_grace_period,
       config.node_monitor_grace_period);
  take("--cluster-signing-duration", flags.cluster_signing_duration,
       config.cluster_signing_duration);
  return berth::controlplane::CheckConfig(config);
}

// The state is damaged: another start would not help (systemd/berth-controlplane.service).
constexpr int kFailed = 1, kDamaged = 3;

int Fail(const absl::Status& status) {
  std::cerr << "berth-controlplane: " << status.message() << "\n";
  return absl::IsDataLoss(status) ? kDamaged : kFailed;
}

int Print(const absl::StatusOr<std::string>& text) {
  if (!text.ok()) return Fail(text.status());
  std::cout << *text;
  return 0;
}

int Serve(const Config& config) {
  berth::base::BlockServiceSignals();  // before any thread
  signal(SIGPIPE, SIG_IGN);
  auto plane = berth::controlplane::ControlPlane::Start(config, BERTH_VERSION);
  if (!plane.ok()) return Fail(plane.status());
  const int signal_number =
      berth::base::RunService({.healthy = [&] { return (*plane)->Health(); }});
  BERTH_INFO("ending", {"signal", signal_number});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Berth's control plane", "berth-controlplane");
  app.set_version_flag("--version", "Kubernetes " BERTH_VERSION);
  DefineFlags(app, arguments);
  const Commands commands = DefineCommands(app, arguments);
  CLI11_PARSE(app, argc, argv);

  Config config;
  if (const absl::Status status = MergeConfig(app, arguments, config); !status.ok()) {
    return Fail(status);
  }
  berth::base::LogOptions log;
  log.level =
      arguments.verbosity >= 2 ? berth::base::LogLevel::kDebug : berth::base::LogLevel::kInfo;
  log.format = arguments.log_format == "json" ? berth::base::LogFormat::kJson
                                              : berth::base::LogFormat::kText;
  if (const absl::Status status = berth::base::InitLog(log); !status.ok()) return Fail(status);
  if (commands.kubeconfig->parsed()) {
    return Print(berth::controlplane::NodeKubeconfig(config, arguments.node, arguments.server));
  }
  if (commands.bootstrap->parsed()) {
    return Print(berth::controlplane::MakeBootstrapKubeconfig(config, arguments.invitation));
  }
  return Serve(config);
}
