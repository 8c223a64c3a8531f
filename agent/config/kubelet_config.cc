// SPDX-License-Identifier: Apache-2.0
#include "agent/config/kubelet_config.h"

#include "base/strings.h"

namespace berth::agent {
namespace {

void ServerFields(FieldVisitor& v, KubeletConfig& c) {
  v.Field("enableServer", c.enable_server);
  v.Field("address", c.address);
  v.Field("port", c.port);
  v.Field("readOnlyPort", c.read_only_port);
  v.Field("tlsCertFile", c.tls_cert_file);
  v.Field("tlsPrivateKeyFile", c.tls_private_key_file);
  v.Field("tlsCipherSuites", c.tls_cipher_suites);
  v.Field("tlsCurvePreferences", c.tls_curve_preferences);
  v.Field("tlsMinVersion", c.tls_min_version);
  v.Field("rotateCertificates", c.rotate_certificates);
  v.Field("serverTLSBootstrap", c.server_tls_bootstrap);
  v.Object("authentication", [&c](FieldVisitor& a) {
    a.Object("x509", [&c](FieldVisitor& x) { x.Field("clientCAFile", c.client_ca_file); });
    a.Object("webhook", [&c](FieldVisitor& w) {
      w.Field("enabled", c.webhook_authn_enabled);
      w.Field("cacheTTL", c.webhook_authn_cache_ttl);
    });
    a.Object("anonymous", [&c](FieldVisitor& n) { n.Field("enabled", c.anonymous_enabled); });
  });
  v.Object("authorization", [&c](FieldVisitor& a) {
    a.Field("mode", c.authorization_mode);
    a.Object("webhook", [&c](FieldVisitor& w) {
      w.Field("cacheAuthorizedTTL", c.authorized_ttl);
      w.Field("cacheUnauthorizedTTL", c.unauthorized_ttl);
    });
  });
  v.Field("enableDebuggingHandlers", c.enable_debugging_handlers);
  v.Field("enableContentionProfiling", c.enable_contention_profiling);
  v.Field("healthzPort", c.healthz_port);
  v.Field("healthzBindAddress", c.healthz_bind_address);
  v.Field("streamingConnectionIdleTimeout", c.streaming_connection_idle_timeout);
  v.Field("enableSystemLogHandler", c.enable_system_log_handler);
  v.Field("enableSystemLogQuery", c.enable_system_log_query);
  v.Field("enableProfilingHandler", c.enable_profiling_handler);
  v.Field("enableDebugFlagsHandler", c.enable_debug_flags_handler);
}

void SourceFields(FieldVisitor& v, KubeletConfig& c) {
  v.Field("staticPodPath", c.static_pod_path);
  v.Field("podLogsDir", c.pod_logs_dir);
  v.Field("syncFrequency", c.sync_frequency);
  v.Field("fileCheckFrequency", c.file_check_frequency);
  v.Field("httpCheckFrequency", c.http_check_frequency);
  v.Field("staticPodURL", c.static_pod_url);
  v.Field("staticPodURLHeader", c.static_pod_url_header);
}

void NodeFields(FieldVisitor& v, KubeletConfig& c) {
  v.Field("registerNode", c.register_node);
  v.List("registerWithTaints", c.register_with_taints, [](FieldVisitor& t, TaintConfig& taint) {
    t.Field("key", taint.key);
    t.Field("value", taint.value);
    t.Field("effect", taint.effect);
    t.Field("timeAdded", taint.time_added);
  });
  v.Field("providerID", c.provider_id);
  v.Field("nodeStatusUpdateFrequency", c.node_status_update_frequency);
  v.Field("nodeStatusReportFrequency", c.node_status_report_frequency);
  v.Field("nodeLeaseDurationSeconds", c.node_lease_duration_seconds);
  v.Field("nodeStatusMaxImages", c.node_status_max_images);
  v.Field("maxPods", c.max_pods);
  v.Field("podsPerCore", c.pods_per_core);
  v.Field("podPidsLimit", c.pod_pids_limit);
  v.Field("podCIDR", c.pod_cidr);
  v.Field("systemReserved", c.system_reserved);
  v.Field("kubeReserved", c.kube_reserved);
  v.Field("reservedSystemCPUs", c.reserved_system_cpus);
  v.Field("systemReservedCgroup", c.system_reserved_cgroup);
  v.Field("kubeReservedCgroup", c.kube_reserved_cgroup);
  v.Field("enforceNodeAllocatable", c.enforce_node_allocatable);
  v.List("reservedMemory", c.reserved_memory, [](FieldVisitor& m, MemoryReservationConfig& r) {
    m.Field("numaNode", r.numa_node);
    m.Field("limits", r.limits);
  });
  v.Field("enableControllerAttachDetach", c.enable_controller_attach_detach);
}

void EvictionFields(FieldVisitor& v, KubeletConfig& c) {
  v.Field("evictionHard", c.eviction_hard);
  v.Field("evictionSoft", c.eviction_soft);
  v.Field("evictionSoftGracePeriod", c.eviction_soft_grace_period);
  v.Field("evictionPressureTransitionPeriod", c.eviction_pressure_transition_period);
  v.Field("evictionMaxPodGracePeriod", c.eviction_max_pod_grace_period);
  v.Field("evictionMinimumReclaim", c.eviction_minimum_reclaim);
  v.Field("mergeDefaultEvictionSettings", c.merge_default_eviction_settings);
}

void RuntimeFields(FieldVisitor& v, KubeletConfig& c) {
  v.Field("containerRuntimeEndpoint", c.container_runtime_endpoint);
  v.Field("imageServiceEndpoint", c.image_service_endpoint);
  v.Field("runtimeRequestTimeout", c.runtime_request_timeout);
  v.Field("registryPullQPS", c.registry_pull_qps);
  v.Field("registryBurst", c.registry_burst);
  v.Field("serializeImagePulls", c.serialize_image_pulls);
  v.Field("maxParallelImagePulls", c.max_parallel_image_pulls);
  v.Field("imagePullCredentialsVerificationPolicy", c.image_pull_credentials_verification_policy);
  v.Field("preloadedImagesVerificationAllowlist", c.preloaded_images_verification_allowlist);
  v.Field("imageMinimumGCAge", c.image_minimum_gc_age);
  v.Field("imageMaximumGCAge", c.image_maximum_gc_age);
  v.Field("imageGCHighThresholdPercent", c.image_gc_high_threshold_percent);
  v.Field("imageGCLowThresholdPercent", c.image_gc_low_threshold_percent);
  v.Field("containerLogMaxSize", c.container_log_max_size);
  v.Field("containerLogMaxFiles", c.container_log_max_files);
  v.Field("containerLogMaxWorkers", c.container_log_max_workers);
  v.Field("containerLogMonitorInterval", c.container_log_monitor_interval);
}

void NetworkFields(FieldVisitor& v, KubeletConfig& c) {
  v.Field("clusterDomain", c.cluster_domain);
  v.Field("clusterDNS", c.cluster_dns);
  v.Field("resolvConf", c.resolv_conf);
  v.Field("hairpinMode", c.hairpin_mode);
  v.Field("makeIPTablesUtilChains", c.make_iptables_util_chains);
  v.Field("iptablesMasqueradeBit", c.iptables_masquerade_bit);
  v.Field("iptablesDropBit", c.iptables_drop_bit);
}

void KernelFields(FieldVisitor& v, KubeletConfig& c) {
  v.Field("cgroupRoot", c.cgroup_root);
  v.Field("cgroupDriver", c.cgroup_driver);
  v.Field("kubeletCgroups", c.kubelet_cgroups);
  v.Field("systemCgroups", c.system_cgroups);
  v.Field("cgroupsPerQOS", c.cgroups_per_qos);
  v.Field("cpuCFSQuota", c.cpu_cfs_quota);
  v.Field("cpuCFSQuotaPeriod", c.cpu_cfs_quota_period);
  v.Field("cpuManagerPolicy", c.cpu_manager_policy);
  v.Field("cpuManagerPolicyOptions", c.cpu_manager_policy_options);
  v.Field("cpuManagerReconcilePeriod", c.cpu_manager_reconcile_period);
  v.Field("memoryManagerPolicy", c.memory_manager_policy);
  v.Field("topologyManagerPolicy", c.topology_manager_policy);
  v.Field("topologyManagerScope", c.topology_manager_scope);
  v.Field("topologyManagerPolicyOptions", c.topology_manager_policy_options);
  v.Field("qosReserved", c.qos_reserved);
  v.Field("singleProcessOOMKill", c.single_process_oom_kill);
  v.Field("oomScoreAdj", c.oom_score_adj);
  v.Field("maxOpenFiles", c.max_open_files);
  v.Field("protectKernelDefaults", c.protect_kernel_defaults);
  v.Field("kernelMemcgNotification", c.kernel_memcg_notification);
  v.Field("failSwapOn", c.fail_swap_on);
  v.Field("failCgroupV1", c.fail_cgroup_v1);
  v.Object("memorySwap", [&c](FieldVisitor& m) { m.Field("swapBehavior", c.swap_behavior); });
  v.Field("memoryThrottlingFactor", c.memory_throttling_factor);
  v.Field("memoryReservationPolicy", c.memory_reservation_policy);
  v.Field("seccompDefault", c.seccomp_default);
  v.Field("allowedUnsafeSysctls", c.allowed_unsafe_sysctls);
  v.Field("defaultPodSysctls", c.default_pod_sysctls);
  v.Object("userNamespaces",
           [&c](FieldVisitor& u) { u.Field("idsPerPod", c.user_namespaces_ids_per_pod); });
}

void OtherFields(FieldVisitor& v, KubeletConfig& c) {
  v.Field("contentType", c.content_type);
  v.Field("kubeAPIQPS", c.kube_api_qps);
  v.Field("kubeAPIBurst", c.kube_api_burst);
  v.Field("eventRecordQPS", c.event_record_qps);
  v.Field("eventBurst", c.event_burst);
  v.Field("configMapAndSecretChangeDetectionStrategy",
          c.config_map_and_secret_change_detection_strategy);
  v.Field("volumeStatsAggPeriod", c.volume_stats_agg_period);
  v.Field("volumePluginDir", c.volume_plugin_dir);
  v.Field("localStorageCapacityIsolation", c.local_storage_capacity_isolation);
  v.Field("shutdownGracePeriod", c.shutdown_grace_period);
  v.Field("shutdownGracePeriodCriticalPods", c.shutdown_grace_period_critical_pods);
  v.List("shutdownGracePeriodByPodPriority", c.shutdown_grace_period_by_pod_priority,
         [](FieldVisitor& s, ShutdownGroupConfig& group) {
           s.Field("priority", group.priority);
           s.Field("shutdownGracePeriodSeconds", group.grace_seconds);
         });
  v.Object("crashLoopBackOff", [&c](FieldVisitor& b) {
    b.Field("maxContainerRestartPeriod", c.max_container_restart_period);
  });
  v.Field("featureGates", c.feature_gates);
  v.Object("logging", [&c](FieldVisitor& l) { VisitFields(l, c.logging); });
  v.Object("tracing", [&c](FieldVisitor& t) {
    t.Field("endpoint", c.tracing_endpoint);
    t.Field("samplingRatePerMillion", c.tracing_sampling_rate_per_million);
  });
  v.Field("showHiddenMetricsForVersion", c.show_hidden_metrics_for_version);
  v.Field("runOnce", c.run_once);
}

}  // namespace

void VisitFields(FieldVisitor& v, LoggingConfig& c) {
  v.Field("format", c.format);
  v.Field("flushFrequency", c.flush_frequency);
  v.Field("verbosity", c.verbosity);
  v.List("vmodule", c.vmodule, [](FieldVisitor& m, LoggingConfig::Module& module) {
    m.Field("filePattern", module.file_pattern);
    m.Field("verbosity", module.verbosity);
  });
  v.Object("options", [&c](FieldVisitor& o) {
    o.Object("text", [&c](FieldVisitor& t) {
      t.Field("splitStream", c.text_split_stream);
      t.Field("infoBufferSize", c.text_info_buffer_size);
    });
    o.Object("json", [&c](FieldVisitor& j) {
      j.Field("splitStream", c.json_split_stream);
      j.Field("infoBufferSize", c.json_info_buffer_size);
    });
  });
}

void VisitFields(FieldVisitor& v, KubeletConfig& c) {
  ServerFields(v, c);
  SourceFields(v, c);
  NodeFields(v, c);
  EvictionFields(v, c);
  RuntimeFields(v, c);
  NetworkFields(v, c);
  KernelFields(v, c);
  OtherFields(v, c);
}

bool IsWithoutEffect(std::string_view field) {
  // What the daemon does act on; nested fields count as their first part.
  static constexpr std::string_view kActedOn[] = {"enableServer",
                                                  "address",
                                                  "port",
                                                  "tlsCertFile",
                                                  "tlsPrivateKeyFile",
                                                  "rotateCertificates",
                                                  "serverTLSBootstrap",
                                                  "authentication",
                                                  "authorization",
                                                  "healthzPort",
                                                  "healthzBindAddress",
                                                  "enableDebuggingHandlers",
                                                  "staticPodPath",
                                                  "staticPodURL",
                                                  "staticPodURLHeader",
                                                  "fileCheckFrequency",
                                                  "httpCheckFrequency",
                                                  "podLogsDir",
                                                  "syncFrequency",
                                                  "registerNode",
                                                  "registerWithTaints",
                                                  "providerID",
                                                  "nodeStatusUpdateFrequency",
                                                  "nodeStatusReportFrequency",
                                                  "nodeLeaseDurationSeconds",
                                                  "nodeStatusMaxImages",
                                                  "maxPods",
                                                  "podsPerCore",
                                                  "podCIDR",
                                                  "systemReserved",
                                                  "kubeReserved",
                                                  "kubeReservedCgroup",
                                                  "systemReservedCgroup",
                                                  "enforceNodeAllocatable",
                                                  "evictionHard",
                                                  "mergeDefaultEvictionSettings",
                                                  "evictionSoft",
                                                  "evictionSoftGracePeriod",
                                                  "evictionMinimumReclaim",
                                                  "evictionPressureTransitionPeriod",
                                                  "evictionMaxPodGracePeriod",
                                                  "localStorageCapacityIsolation",
                                                  "imageGCHighThresholdPercent",
                                                  "imageGCLowThresholdPercent",
                                                  "imageMinimumGCAge",
                                                  "imageMaximumGCAge",
                                                  "containerRuntimeEndpoint",
                                                  "runtimeRequestTimeout",
                                                  "serializeImagePulls",
                                                  "registryPullQPS",
                                                  "registryBurst",
                                                  "maxParallelImagePulls",
                                                  "clusterDomain",
                                                  "clusterDNS",
                                                  "resolvConf",
                                                  "cgroupRoot",
                                                  "cgroupDriver",
                                                  "cgroupsPerQOS",
                                                  "cpuCFSQuota",
                                                  "podPidsLimit",
                                                  "containerLogMaxSize",
                                                  "containerLogMaxFiles",
                                                  "containerLogMaxWorkers",
                                                  "containerLogMonitorInterval",
                                                  "oomScoreAdj",
                                                  "maxOpenFiles",
                                                  "protectKernelDefaults",
                                                  "failSwapOn",
                                                  "failCgroupV1",
                                                  "seccompDefault",
                                                  "crashLoopBackOff",
                                                  "logging",
                                                  "enableControllerAttachDetach"};
  const std::string_view first = field.substr(0, field.find('.'));
  for (std::string_view name : kActedOn) {
    if (name == first) return false;
  }
  return true;
}

}  // namespace berth::agent
