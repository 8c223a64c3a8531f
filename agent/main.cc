// SPDX-License-Identifier: Apache-2.0
// berthd: reads flags and configuration, starts the Daemon, waits for a signal.
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "agent/config/config_file.h"
#include "agent/config/flags.h"
#include "agent/daemon/daemon.h"
#include "base/log.h"
#include "base/service.h"
#include "base/status.h"
#include "base/strings.h"
#include "netproxy/kube_proxy_leftovers.h"
#include "netproxy/pod_routes.h"
#include "netproxy/proxy.h"

namespace berth {
namespace {

using agent::Config, agent::Daemon, agent::Flags;

constexpr int kFailed = 1, kBadUsage = 2;

int Fail(int code, const absl::Status& status) {
  std::fprintf(stderr, "berthd: %s\n", std::string(base::Message(status)).c_str());
  return code;
}

absl::StatusOr<Config> ReadConfig(const Flags& flags) {
  Config config;
  if (!flags.config.empty()) RETURN_IF_ERROR(agent::LoadConfig(flags.config, config));
  if (!flags.proxy_config.empty()) RETURN_IF_ERROR(agent::LoadConfig(flags.proxy_config, config));
  RETURN_IF_ERROR(agent::ApplyFlags(flags, config));
  RETURN_IF_ERROR(agent::ValidateConfig(config));
  return config;
}

int Cleanup() {
  absl::Status tables = netproxy::Proxy::Cleanup(netproxy::KernelBackends());
  tables.Update(netproxy::RemoveKubeProxyChains());
  const absl::Status routes = netproxy::CleanupPodRoutes();
  if (!tables.ok()) return Fail(kFailed, tables);
  return routes.ok() ? 0 : Fail(kFailed, routes);
}

absl::Status StartLog(const Flags& flags, const Config& config) {
  base::LogOptions options;
  options.level =
      config.kubelet.logging.verbosity >= 4 ? base::LogLevel::kDebug : base::LogLevel::kInfo;
  options.format =
      config.kubelet.logging.format == "json" ? base::LogFormat::kJson : base::LogFormat::kText;
  options.file = flags.log_file;
  return base::InitLog(options);
}

int Run(Flags flags, Config config) {
  base::BlockServiceSignals();  // before any thread
  signal(SIGPIPE, SIG_IGN);

  BERTH_INFO("berthd starts", {"version", BERTH_VERSION}, {"pid", getpid()});
  if (!flags.deprecated.empty()) {
    BERTH_WARNING("deprecated flags: use the configuration file",
                  {"flags", base::Join(flags.deprecated, " ")});
  }
  if (const auto fields = config.WithoutEffect(); !fields.empty()) {
    BERTH_WARNING("these fields of the configuration have no effect",
                  {"fields", base::Join(fields, " ")});
  }
  Daemon daemon(std::move(flags), std::move(config));
  if (const absl::Status status = daemon.Start(); !status.ok()) return Fail(kFailed, status);
  base::RunService({.healthy = [&] { return daemon.Alive(); }, .on_tick = [&] { daemon.Tick(); }});
  BERTH_INFO("berthd ends; containers go on");
  return 0;
}

int Main(int argc, char** argv) {
  // Few arenas: many short-lived threads would each get one of their own.
  mallopt(M_ARENA_MAX, 2);
  auto flags = agent::ParseFlags({argv + 1, argv + argc});
  if (!flags.ok()) return Fail(kBadUsage, flags.status());
  if (!flags->help.empty()) return std::fputs(flags->help.c_str(), stdout) < 0 ? kFailed : 0;
  if (flags->show_version) return std::puts("Kubernetes " BERTH_VERSION) < 0 ? kFailed : 0;
  auto config = ReadConfig(*flags);
  if (!config.ok()) return Fail(kFailed, config.status());
  if (const absl::Status status = StartLog(*flags, *config); !status.ok()) {
    return Fail(kFailed, status);
  }
  if (geteuid() != 0) return Fail(kFailed, base::FailedPrecondition("berthd must run as root"));
  if (flags->cleanup) return Cleanup();
  return Run(*std::move(flags), *std::move(config));
}

}  // namespace
}  // namespace berth

int main(int argc, char** argv) { return berth::Main(argc, argv); }
