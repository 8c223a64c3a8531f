// SPDX-License-Identifier: Apache-2.0
// Settings of berth-controlplane: defaults, then --config's file, then flags.
#ifndef BERTH_CONTROLPLANE_CONFIG_H_
#define BERTH_CONTROLPLANE_CONFIG_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace berth::controlplane {

struct Config {
  std::string data_dir = "/var/lib/berth-controlplane";
  std::string bind_address = "0.0.0.0";
  int secure_port = 6443;
  std::string advertise_address;  // "": the bind address, or the machine's first when that is any
  std::string service_cluster_ip_range = "10.96.0.0/16";
  std::string cluster_cidr = "10.244.0.0/16";
  std::string service_node_port_range = "30000-32767";
  // How long a node may be silent before it counts as lost: "50s".
  std::string node_monitor_grace_period = "50s";
  // The longest life of a certificate that CertificateSigningRequests ask for.
  std::string cluster_signing_duration = "8760h";
};

// A YAML mapping with the flags' names in camelCase (dataDir, securePort...). Anything else is
// InvalidArgument as "<file>:<line>: <field>: <what is wrong>".
absl::Status ReadConfigFile(const std::string& path, Config& config);
absl::Status ParseConfig(std::string_view text, std::string_view file, Config& config);

absl::StatusOr<absl::Duration> ParsePeriod(std::string_view text);  // more than nothing
absl::StatusOr<std::pair<int, int>> ParsePortRange(std::string_view text);
// Addresses and ranges that cannot be used, named by their flag.
absl::Status CheckConfig(const Config& config);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONFIG_H_
