// SPDX-License-Identifier: Apache-2.0
#include "agent/config/kube_proxy_config.h"

namespace berth::agent {
namespace {

void BackendFields(FieldVisitor& v, KubeProxyConfig& c) {
  v.Object("iptables", [&i = c.iptables](FieldVisitor& f) {
    f.Field("masqueradeBit", i.masquerade_bit);
    f.Field("masqueradeAll", i.masquerade_all);
    f.Field("localhostNodePorts", i.localhost_node_ports);
    f.Field("syncPeriod", i.sync_period);
    f.Field("minSyncPeriod", i.min_sync_period);
  });
  v.Object("ipvs", [&i = c.ipvs](FieldVisitor& f) {
    f.Field("syncPeriod", i.sync_period);
    f.Field("minSyncPeriod", i.min_sync_period);
    f.Field("scheduler", i.scheduler);
    f.Field("excludeCIDRs", i.exclude_cidrs);
    f.Field("strictARP", i.strict_arp);
    f.Field("tcpTimeout", i.tcp_timeout);
    f.Field("tcpFinTimeout", i.tcp_fin_timeout);
    f.Field("udpTimeout", i.udp_timeout);
  });
  v.Object("nftables", [&n = c.nftables](FieldVisitor& f) {
    f.Field("masqueradeBit", n.masquerade_bit);
    f.Field("masqueradeAll", n.masquerade_all);
    f.Field("syncPeriod", n.sync_period);
    f.Field("minSyncPeriod", n.min_sync_period);
  });
  v.Object("winkernel", [&w = c.winkernel](FieldVisitor& f) {
    f.Field("networkName", w.network_name);
    f.Field("sourceVip", w.source_vip);
    f.Field("enableDSR", w.enable_dsr);
    f.Field("rootHnsEndpointName", w.root_hns_endpoint_name);
    f.Field("forwardHealthCheckVip", w.forward_health_check_vip);
  });
  v.Object("conntrack", [&t = c.conntrack](FieldVisitor& f) {
    f.Field("maxPerCore", t.max_per_core);
    f.Field("min", t.min);
    f.Field("tcpEstablishedTimeout", t.tcp_established_timeout);
    f.Field("tcpCloseWaitTimeout", t.tcp_close_wait_timeout);
    f.Field("tcpBeLiberal", t.tcp_be_liberal);
    f.Field("udpTimeout", t.udp_timeout);
    f.Field("udpStreamTimeout", t.udp_stream_timeout);
  });
}

}  // namespace

void VisitFields(FieldVisitor& v, KubeProxyConfig& c) {
  v.Field("featureGates", c.feature_gates);
  v.Object("clientConnection", [&c](FieldVisitor& f) {
    f.Field("kubeconfig", c.kubeconfig);
    f.Field("acceptContentTypes", c.accept_content_types);
    f.Field("contentType", c.content_type);
    f.Field("qps", c.qps);
    f.Field("burst", c.burst);
  });
  v.Object("logging", [&c](FieldVisitor& f) { VisitFields(f, c.logging); });
  v.Field("hostnameOverride", c.hostname_override);
  v.Field("bindAddress", c.bind_address);
  v.Field("healthzBindAddress", c.healthz_bind_address);
  v.Field("metricsBindAddress", c.metrics_bind_address);
  v.Field("bindAddressHardFail", c.bind_address_hard_fail);
  v.Field("enableProfiling", c.enable_profiling);
  v.Field("showHiddenMetricsForVersion", c.show_hidden_metrics_for_version);
  v.Field("mode", c.mode);
  BackendFields(v, c);
  v.Field("detectLocalMode", c.detect_local_mode);
  v.Object("detectLocal", [&c](FieldVisitor& f) {
    f.Field("bridgeInterface", c.bridge_interface);
    f.Field("interfaceNamePrefix", c.interface_name_prefix);
  });
  v.Field("clusterCIDR", c.cluster_cidr);
  v.Field("nodePortAddresses", c.node_port_addresses);
  v.Field("oomScoreAdj", c.oom_score_adj);
  v.Field("configSyncPeriod", c.config_sync_period);
  v.Field("portRange", c.port_range);
  v.Field("windowsRunAsService", c.windows_run_as_service);
}

}  // namespace berth::agent
