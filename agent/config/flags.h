// SPDX-License-Identifier: Apache-2.0
// The command line: the kubelet's flags, those of kube-proxy that concern files, and our own.
// Flags win over the configuration file; those that the kubelet calls deprecated get one warning.
#ifndef BERTH_AGENT_CONFIG_FLAGS_H_
#define BERTH_AGENT_CONFIG_FLAGS_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/config/config_file.h"

namespace berth::agent {

struct Flags {
  std::string config, proxy_config, kubeconfig, bootstrap_kubeconfig;
  std::string root_dir = "/var/lib/kubelet";
  std::string cert_dir;  // "" is pki below the root directory
  std::string hostname_override, node_ip, cloud_provider;
  std::map<std::string, std::string> node_labels;
  int verbosity = -1;  // -1: as the file says
  std::string log_file;
  bool pod_routes = false;
  bool cleanup = false;
  bool show_version = false;
  std::string help;  // the text to print instead of running; "" runs
  // Flags that stand for a field of the configuration, in order.
  std::vector<std::pair<std::string, std::string>> overrides;
  std::vector<std::string> deprecated;  // names that were used and are deprecated
};

// `arguments` without the program's name. Errors are InvalidArgument and name the flag.
absl::StatusOr<Flags> ParseFlags(const std::vector<std::string>& arguments);

// Puts the overrides into `config`.
absl::Status ApplyFlags(const Flags& flags, Config& config);

// Labels under kubernetes.io and k8s.io that a node may give itself are few.
absl::Status CheckNodeLabels(const std::map<std::string, std::string>& labels);

}  // namespace berth::agent

#endif  // BERTH_AGENT_CONFIG_FLAGS_H_
