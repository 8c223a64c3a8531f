// SPDX-License-Identifier: Apache-2.0
// berth-controlplane: API server, scheduler and controllers in one process.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "base/log.h"
#include "base/service.h"
#include "base/status.h"
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
  app.add_option("--config", arguments.config_file, "a YAML file with these settings");
  app.add_option("-v,--v", arguments.verbosity, "how much to log: 0, or 2 for every detail");
  app.add_option("--logging-format", arguments.log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
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
  return berth::controlplane::CheckConfig(config);
}

// The state is damaged: another start would not help (systemd/berth-controlplane.service).
constexpr int kFailed = 1, kDamaged = 3;

int Fail(const absl::Status& status) {
  std::cerr << "berth-controlplane: " << status.message() << "\n";
  return absl::IsDataLoss(status) ? kDamaged : kFailed;
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
  CLI::App* kubeconfig =
      app.add_subcommand("kubeconfig", "print a kubeconfig with which a node can join");
  kubeconfig->add_option("--node", arguments.node, "the node's name")->required();
  kubeconfig->add_option("--server", arguments.server, "the API server's URL");
  kubeconfig->fallthrough();
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
  if (kubeconfig->parsed()) {
    const auto text = berth::controlplane::NodeKubeconfig(config, arguments.node, arguments.server);
    if (!text.ok()) return Fail(text.status());
    std::cout << *text;
    return 0;
  }
  return Serve(config);
}
