// SPDX-License-Identifier: Apache-2.0
// KubeletConfiguration (kubelet.config.k8s.io/v1beta1) with its defaults: every field, also those
// that this daemon does not act on yet. A plain value; filled by config_file.h and flags.h.
#ifndef BERTH_AGENT_CONFIG_KUBELET_CONFIG_H_
#define BERTH_AGENT_CONFIG_KUBELET_CONFIG_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "agent/config/field_visitor.h"

namespace berth::agent {

struct TaintConfig {
  std::string key, value, effect, time_added;
};
struct ShutdownGroupConfig {
  int32_t priority = 0;
  int64_t grace_seconds = 0;
};
struct MemoryReservationConfig {
  int32_t numa_node = 0;
  TextMap limits;
};

struct LoggingConfig {
  std::string format = "text";
  absl::Duration flush_frequency = absl::Seconds(5);
  int32_t verbosity = 0;
  struct Module {
    std::string file_pattern;
    int32_t verbosity = 0;
  };
  std::vector<Module> vmodule;
  bool json_split_stream = false, text_split_stream = false;
  std::string json_info_buffer_size = "0", text_info_buffer_size = "0";
};
void VisitFields(FieldVisitor& v, LoggingConfig& c);

struct KubeletConfig {
  // Server
  bool enable_server = true;
  std::string address = "0.0.0.0";
  int32_t port = 10250;
  int32_t read_only_port = 0;
  std::string tls_cert_file, tls_private_key_file, tls_min_version;
  std::vector<std::string> tls_cipher_suites;
  std::vector<int32_t> tls_curve_preferences;
  bool rotate_certificates = false;
  bool server_tls_bootstrap = false;
  bool anonymous_enabled = false;
  bool webhook_authn_enabled = true;
  absl::Duration webhook_authn_cache_ttl = absl::Minutes(2);
  std::string client_ca_file;
  std::string authorization_mode = "Webhook";
  absl::Duration authorized_ttl = absl::Minutes(5);
  absl::Duration unauthorized_ttl = absl::Seconds(30);
  bool enable_debugging_handlers = true;
  bool enable_contention_profiling = false;
  bool enable_system_log_handler = true;
  bool enable_system_log_query = false;
  bool enable_profiling_handler = true;
  bool enable_debug_flags_handler = true;
  int32_t healthz_port = 10248;
  std::string healthz_bind_address = "127.0.0.1";
  absl::Duration streaming_connection_idle_timeout = absl::Hours(4);

  // Pod sources and cadence
  std::string static_pod_path, static_pod_url;
  TextListMap static_pod_url_header;
  std::string pod_logs_dir = "/var/log/pods/";
  absl::Duration sync_frequency = absl::Minutes(1);
  absl::Duration file_check_frequency = absl::Seconds(20);
  absl::Duration http_check_frequency = absl::Seconds(20);

  // Node
  bool register_node = true;
  std::vector<TaintConfig> register_with_taints;
  std::string provider_id;
  absl::Duration node_status_update_frequency = absl::Seconds(10);
  absl::Duration node_status_report_frequency = absl::Minutes(5);
  int32_t node_lease_duration_seconds = 40;
  int32_t node_status_max_images = 50;
  int32_t max_pods = 110;
  int32_t pods_per_core = 0;
  int64_t pod_pids_limit = -1;
  std::string pod_cidr;
  TextMap system_reserved, kube_reserved;
  std::string reserved_system_cpus, system_reserved_cgroup, kube_reserved_cgroup;
  std::vector<std::string> enforce_node_allocatable = {"pods"};
  std::vector<MemoryReservationConfig> reserved_memory;
  bool enable_controller_attach_detach = true;

  // Eviction
  TextMap eviction_hard = {{"memory.available", "100Mi"},
                           {"nodefs.available", "10%"},
                           {"nodefs.inodesFree", "5%"},
                           {"imagefs.available", "15%"},
                           {"imagefs.inodesFree", "5%"}};
  TextMap eviction_soft, eviction_soft_grace_period, eviction_minimum_reclaim;
  absl::Duration eviction_pressure_transition_period = absl::Minutes(5);
  int32_t eviction_max_pod_grace_period = 0;
  bool merge_default_eviction_settings = false;

  // Runtime and images
  std::string container_runtime_endpoint = "unix:///run/containerd/containerd.sock";
  std::string image_service_endpoint;
  absl::Duration runtime_request_timeout = absl::Minutes(2);
  int32_t registry_pull_qps = 5;
  int32_t registry_burst = 10;
  bool serialize_image_pulls = true;
  int32_t max_parallel_image_pulls = 0;  // 0: not given
  std::string image_pull_credentials_verification_policy = "NeverVerifyPreloadedImages";
  std::vector<std::string> preloaded_images_verification_allowlist;
  absl::Duration image_minimum_gc_age = absl::Minutes(2);
  absl::Duration image_maximum_gc_age;
  int32_t image_gc_high_threshold_percent = 85;
  int32_t image_gc_low_threshold_percent = 80;
  std::string container_log_max_size = "10Mi";
  int32_t container_log_max_files = 5;
  int32_t container_log_max_workers = 1;
  absl::Duration container_log_monitor_interval = absl::Seconds(10);

  // Pod network
  std::string cluster_domain;
  std::vector<std::string> cluster_dns;
  std::string resolv_conf = "/etc/resolv.conf";
  std::string hairpin_mode = "promiscuous-bridge";
  bool make_iptables_util_chains = true;
  int32_t iptables_masquerade_bit = 14;
  int32_t iptables_drop_bit = 15;

  // cgroups and kernel
  std::string cgroup_root, cgroup_driver = "cgroupfs", kubelet_cgroups, system_cgroups;
  bool cgroups_per_qos = true;
  bool cpu_cfs_quota = true;
  absl::Duration cpu_cfs_quota_period = absl::Milliseconds(100);
  std::string cpu_manager_policy = "none", memory_manager_policy = "None";
  std::string topology_manager_policy = "none", topology_manager_scope = "container";
  TextMap cpu_manager_policy_options, topology_manager_policy_options, qos_reserved;
  absl::Duration cpu_manager_reconcile_period = absl::Seconds(10);
  bool single_process_oom_kill = false;
  int32_t oom_score_adj = -999;
  int64_t max_open_files = 1'000'000;
  bool protect_kernel_defaults = false;
  bool kernel_memcg_notification = false;
  bool fail_swap_on = true;
  bool fail_cgroup_v1 = true;
  std::string swap_behavior;
  double memory_throttling_factor = 0.9;
  std::string memory_reservation_policy;
  bool seccomp_default = false;
  std::vector<std::string> allowed_unsafe_sysctls;
  TextMap default_pod_sysctls;
  int64_t user_namespaces_ids_per_pod = 65536;

  // API client and events
  std::string content_type = "application/vnd.kubernetes.protobuf";
  int32_t kube_api_qps = 50, kube_api_burst = 100;
  int32_t event_record_qps = 50, event_burst = 100;

  // The rest
  std::string config_map_and_secret_change_detection_strategy = "Watch";
  absl::Duration volume_stats_agg_period = absl::Minutes(1);
  std::string volume_plugin_dir = "/usr/libexec/kubernetes/kubelet-plugins/volume/exec/";
  bool local_storage_capacity_isolation = true;
  absl::Duration shutdown_grace_period, shutdown_grace_period_critical_pods;
  std::vector<ShutdownGroupConfig> shutdown_grace_period_by_pod_priority;
  absl::Duration max_container_restart_period = absl::Seconds(300);
  BoolMap feature_gates;
  LoggingConfig logging;
  std::string tracing_endpoint;
  int32_t tracing_sampling_rate_per_million = 0;
  std::string show_hidden_metrics_for_version;
  bool run_once = false;
};

void VisitFields(FieldVisitor& v, KubeletConfig& c);

// True for a field, named as in the file, that this daemon accepts and does not act on.
bool IsWithoutEffect(std::string_view field);

}  // namespace berth::agent

#endif  // BERTH_AGENT_CONFIG_KUBELET_CONFIG_H_
