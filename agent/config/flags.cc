// SPDX-License-Identifier: Apache-2.0
#include "agent/config/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "agent/config/override_flags.h"
#include "base/status.h"

namespace berth::agent {
namespace {

using base::InvalidArgument;
using base::StrCat;

// Flags that are accepted for the sake of existing command lines and do nothing here.
constexpr std::string_view kIgnored[] = {"pod-infra-container-image",
                                         "image-credential-provider-config",
                                         "image-credential-provider-bin-dir",
                                         "config-dir",
                                         "vmodule",
                                         "housekeeping-interval",
                                         "runtime-cgroups",
                                         "register-schedulable",
                                         "exit-on-lock-contention",
                                         "lock-file",
                                         "minimum-container-ttl-duration",
                                         "maximum-dead-containers",
                                         "maximum-dead-containers-per-container",
                                         "experimental-mounter-path",
                                         "keep-terminated-pod-volumes",
                                         "node-labels-from-cloud",
                                         "log-flush-frequency"};

void AddText(CLI::App& app, std::string_view name, std::string& target, std::string_view help) {
  app.add_option(StrCat("--", name), target, std::string(help));
}

void AddOverride(CLI::App& app, Flags& flags, const OverrideFlag& flag) {
  const std::string name(flag.name);
  auto take = [&flags, name, deprecated = flag.deprecated](const std::string& value) {
    flags.overrides.emplace_back(name, value);
    if (deprecated) flags.deprecated.push_back(name);
  };
  const std::string help = StrCat(flag.deprecated ? "deprecated: " : "", "sets ", flag.field);
  if (flag.is_switch) {
    app.add_flag_function(
        StrCat("--", name), [take](int64_t count) { take(count > 0 ? "true" : "false"); }, help);
  } else {
    app.add_option_function<std::string>(StrCat("--", name), take, help);
  }
}

absl::Status ReadLabels(const std::string& text, Flags& flags) {
  if (text.empty()) return absl::OkStatus();
  for (std::string_view pair : base::Split(text, ',')) {
    const auto [key, value] = base::SplitOnce(pair, '=');
    if (key.empty() || !value) {
      return InvalidArgument("--node-labels: want key=value, got \"", pair, "\"");
    }
    flags.node_labels[std::string(base::Trim(key))] = std::string(base::Trim(*value));
  }
  return CheckNodeLabels(flags.node_labels);
}

absl::Status Parse(CLI::App& app, std::vector<std::string> arguments, Flags& flags) {
  std::reverse(arguments.begin(), arguments.end());  // the library takes them from the back
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    flags.help = app.help();
  } catch (const CLI::ParseError& error) {
    return InvalidArgument(error.what());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Flags> ParseFlags(const std::vector<std::string>& arguments) {
  Flags flags;
  std::string labels;
  std::vector<std::string> ignored(std::size(kIgnored));
  CLI::App app("Kubernetes node daemon: kubelet and kube-proxy in one process.", "berthd");
  AddText(app, "config", flags.config,
          "file with a KubeletConfiguration (and KubeProxyConfiguration)");
  AddText(app, "proxy-config", flags.proxy_config, "file with a KubeProxyConfiguration");
  AddText(app, "kubeconfig", flags.kubeconfig, "how to reach the API server; without it: no API");
  AddText(app, "bootstrap-kubeconfig", flags.bootstrap_kubeconfig,
          "used to join when --kubeconfig is absent or its certificate has ended");
  AddText(app, "root-dir", flags.root_dir, "directory for pods, volumes and keys");
  AddText(app, "cert-dir", flags.cert_dir, "directory for the node's certificates");
  AddText(app, "hostname-override", flags.hostname_override, "the node's name");
  AddText(app, "node-ip", flags.node_ip, "the node's address (or one of each family)");
  AddText(app, "cloud-provider", flags.cloud_provider, "\"external\" or nothing");
  AddText(app, "node-labels", labels, "labels to register the node with: key=value,...");
  AddText(app, "log-file", flags.log_file, "write log lines to this file instead of stderr");
  app.add_option("-v,--v", flags.verbosity, "log verbosity; 4 and above shows debug lines");
  app.add_flag("--pod-routes", flags.pod_routes, "set routes to the other nodes' pod ranges");
  app.add_flag("--version", flags.show_version, "print the version and exit");
  app.add_flag("--cleanup", flags.cleanup, "remove what the service proxy left and exit");
  for (size_t i = 0; i < std::size(kIgnored); ++i) AddText(app, kIgnored[i], ignored[i], "ignored");
  for (const OverrideFlag& flag : OverrideFlags()) AddOverride(app, flags, flag);
  CLI::App* cleanup = app.add_subcommand("cleanup", "remove what the service proxy left and exit");
  app.require_subcommand(0, 1);

  RETURN_IF_ERROR(Parse(app, arguments, flags));
  if (cleanup->parsed()) flags.cleanup = true;
  for (size_t i = 0; i < std::size(kIgnored); ++i) {
    if (!ignored[i].empty()) flags.deprecated.emplace_back(kIgnored[i]);
  }
  RETURN_IF_ERROR(ReadLabels(labels, flags));
  if (flags.cert_dir.empty()) flags.cert_dir = StrCat(flags.root_dir, "/pki");
  return flags;
}

absl::Status CheckNodeLabels(const std::map<std::string, std::string>& labels) {
  static constexpr std::string_view kAllowed[] = {"kubernetes.io/hostname",
                                                  "kubernetes.io/arch",
                                                  "kubernetes.io/os",
                                                  "beta.kubernetes.io/arch",
                                                  "beta.kubernetes.io/os",
                                                  "beta.kubernetes.io/instance-type",
                                                  "node.kubernetes.io/instance-type",
                                                  "topology.kubernetes.io/region",
                                                  "topology.kubernetes.io/zone",
                                                  "failure-domain.beta.kubernetes.io/region",
                                                  "failure-domain.beta.kubernetes.io/zone"};
  auto under = [](std::string_view prefix, std::string_view domain) {
    return prefix == domain ||
           (prefix.ends_with(domain) && prefix[prefix.size() - domain.size() - 1] == '.');
  };
  for (const auto& [key, value] : labels) {
    const size_t slash = key.find('/');
    if (slash == std::string::npos) continue;
    const std::string_view prefix = std::string_view(key).substr(0, slash);
    if (!under(prefix, "kubernetes.io") && !under(prefix, "k8s.io")) continue;
    if (under(prefix, "kubelet.kubernetes.io") || under(prefix, "node.kubernetes.io")) continue;
    if (std::find(std::begin(kAllowed), std::end(kAllowed), key) != std::end(kAllowed)) continue;
    return InvalidArgument("--node-labels: ", key,
                           " lies in a namespace where a node may not label itself");
  }
  return absl::OkStatus();
}

}  // namespace berth::agent
