// SPDX-License-Identifier: Apache-2.0
// KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1) with its defaults: every field.
#ifndef BERTH_AGENT_CONFIG_KUBE_PROXY_CONFIG_H_
#define BERTH_AGENT_CONFIG_KUBE_PROXY_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "agent/config/field_visitor.h"
#include "agent/config/kubelet_config.h"

namespace berth::agent {

struct KubeProxyConfig {
  BoolMap feature_gates;
  std::string kubeconfig, accept_content_types,
      content_type = "application/vnd.kubernetes.protobuf";
  double qps = 5;
  int32_t burst = 10;
  LoggingConfig logging;
  std::string hostname_override;
  std::string bind_address = "0.0.0.0";
  std::string healthz_bind_address = "0.0.0.0:10256";
  std::string metrics_bind_address = "127.0.0.1:10249";
  bool bind_address_hard_fail = false, enable_profiling = false;
  std::string show_hidden_metrics_for_version;
  std::string mode;  // "" is nftables when the kernel has it
  struct Iptables {
    int32_t masquerade_bit = 14;
    bool masquerade_all = false, localhost_node_ports = true;
    absl::Duration sync_period = absl::Seconds(30), min_sync_period = absl::Seconds(1);
  } iptables;
  struct Ipvs {
    absl::Duration sync_period = absl::Seconds(30), min_sync_period;
    std::string scheduler;
    std::vector<std::string> exclude_cidrs;
    bool strict_arp = false;
    absl::Duration tcp_timeout, tcp_fin_timeout, udp_timeout;
  } ipvs;
  struct Nftables {
    int32_t masquerade_bit = 14;
    bool masquerade_all = false;
    // kube-proxy waits 1 s, since its syncs cost with the cluster; ours cost with the change.
    absl::Duration sync_period = absl::Seconds(30), min_sync_period = absl::Milliseconds(10);
  } nftables;
  struct Winkernel {
    std::string network_name, source_vip, root_hns_endpoint_name;
    bool enable_dsr = false, forward_health_check_vip = false;
  } winkernel;
  std::string detect_local_mode;  // "" is ClusterCIDR
  std::string bridge_interface, interface_name_prefix;
  std::string cluster_cidr;
  std::vector<std::string> node_port_addresses;
  int32_t oom_score_adj = -999;
  struct Conntrack {
    int32_t max_per_core = 32768, min = 131072;
    absl::Duration tcp_established_timeout = absl::Hours(24);
    absl::Duration tcp_close_wait_timeout = absl::Hours(1);
    bool tcp_be_liberal = false;
    absl::Duration udp_timeout, udp_stream_timeout;
  } conntrack;
  absl::Duration config_sync_period = absl::Minutes(15);
  std::string port_range;
  bool windows_run_as_service = false;
};

void VisitFields(FieldVisitor& v, KubeProxyConfig& c);

}  // namespace berth::agent

#endif  // BERTH_AGENT_CONFIG_KUBE_PROXY_CONFIG_H_
