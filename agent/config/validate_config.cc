// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>

#include <array>

#include "agent/config/config_file.h"
#include "agent/env/amount.h"
#include "base/status.h"

namespace berth::agent {
namespace {

using base::StrCat;

// Collects the first complaint.
class Checks {
 public:
  Checks(std::string_view file, const ReadFields& read) : file_(file), read_(read) {}

  void Want(bool good, std::string_view field, std::string_view message) {
    if (!good && status_.ok()) status_ = FieldError(file_, read_, field, message);
  }
  void Port(std::string_view field, int32_t port, bool zero_is_off) {
    Want(port >= (zero_is_off ? 0 : 1) && port <= 65535, field,
         StrCat("must be a port between 1 and 65535, got ", port));
  }
  void Percent(std::string_view field, int32_t percent) {
    Want(percent >= 0 && percent <= 100, field, StrCat("must be between 0 and 100, got ", percent));
  }
  void NotNegative(std::string_view field, int64_t value) {
    Want(value >= 0, field, StrCat("must not be negative, got ", value));
  }
  void Positive(std::string_view field, absl::Duration value) {
    Want(value > absl::ZeroDuration(), field, "must be greater than 0");
  }
  void Quantity(std::string_view field, const std::string& text) {
    const auto value = MilliOf(text);
    Want(value && *value >= 0, field,
         StrCat("must be a quantity such as 500m or 1Gi, not negative; got \"", text, "\""));
  }
  void Address(std::string_view field, const std::string& address) {
    std::array<unsigned char, 16> bytes;
    Want(inet_pton(AF_INET, address.c_str(), bytes.data()) == 1 ||
             inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1,
         field, StrCat("must be an IP address, got \"", address, "\""));
  }
  void OneOf(std::string_view field, std::string_view value,
             std::initializer_list<std::string_view> allowed) {
    for (std::string_view good : allowed) {
      if (good == value) return;
    }
    Want(false, field,
         StrCat("must be one of ", base::Join(allowed, ", "), "; got \"", value, "\""));
  }
  absl::Status status() const { return status_; }

 private:
  const std::string_view file_;
  const ReadFields& read_;
  absl::Status status_;
};

void Server(const KubeletConfig& c, Checks& check) {
  check.Port("port", c.port, false);
  check.Port("readOnlyPort", c.read_only_port, true);
  check.Port("healthzPort", c.healthz_port, true);
  check.Address("address", c.address);
  check.Address("healthzBindAddress", c.healthz_bind_address);
  check.OneOf("authorization.mode", c.authorization_mode, {"Webhook", "AlwaysAllow"});
  check.Want(c.tls_cert_file.empty() == c.tls_private_key_file.empty(), "tlsCertFile",
             "tlsCertFile and tlsPrivateKeyFile go together");
  check.OneOf("tlsMinVersion", c.tls_min_version, {"", "VersionTLS12", "VersionTLS13"});
}

void Node(const KubeletConfig& c, Checks& check) {
  check.Want(c.node_lease_duration_seconds > 0, "nodeLeaseDurationSeconds",
             "must be greater than 0");
  check.Positive("nodeStatusUpdateFrequency", c.node_status_update_frequency);
  check.Positive("nodeStatusReportFrequency", c.node_status_report_frequency);
  check.Want(c.node_status_max_images >= -1, "nodeStatusMaxImages", "must be -1 or more");
  check.NotNegative("maxPods", c.max_pods);
  check.NotNegative("podsPerCore", c.pods_per_core);
  for (const auto& [name, map] : {std::pair{"kubeReserved", &c.kube_reserved},
                                  std::pair{"systemReserved", &c.system_reserved}}) {
    for (const auto& [resource, amount] : *map) {
      check.OneOf(StrCat(name, ".", resource), resource,
                  {"cpu", "memory", "ephemeral-storage", "pid"});
      check.Quantity(StrCat(name, ".", resource), amount);
    }
  }
  for (const TaintConfig& taint : c.register_with_taints) {
    check.Want(!taint.key.empty(), "registerWithTaints", "a taint must have a key");
    check.OneOf("registerWithTaints", taint.effect,
                {"NoSchedule", "PreferNoSchedule", "NoExecute"});
  }
  for (const std::string& what : c.enforce_node_allocatable) {
    check.OneOf("enforceNodeAllocatable", what,
                {"none", "pods", "system-reserved", "system-reserved-compressible", "kube-reserved",
                 "kube-reserved-compressible"});
    const bool system = what.starts_with("system-reserved");
    check.Want(!system || !c.system_reserved_cgroup.empty(), "enforceNodeAllocatable",
               StrCat(what, " needs systemReservedCgroup"));
    const bool kube = what.starts_with("kube-reserved");
    check.Want(!kube || !c.kube_reserved_cgroup.empty(), "enforceNodeAllocatable",
               StrCat(what, " needs kubeReservedCgroup"));
    check.Want(what != "none" || c.enforce_node_allocatable.size() == 1, "enforceNodeAllocatable",
               "none goes with nothing else");
    check.Want(what != "pods" || c.cgroups_per_qos, "enforceNodeAllocatable",
               "pods needs cgroupsPerQOS: true");
  }
}

void Images(const KubeletConfig& c, Checks& check) {
  check.Percent("imageGCHighThresholdPercent", c.image_gc_high_threshold_percent);
  check.Percent("imageGCLowThresholdPercent", c.image_gc_low_threshold_percent);
  check.Want(c.image_gc_low_threshold_percent < c.image_gc_high_threshold_percent,
             "imageGCLowThresholdPercent", "must be less than imageGCHighThresholdPercent");
  check.NotNegative("maxParallelImagePulls", c.max_parallel_image_pulls);
  check.Want(c.max_parallel_image_pulls <= 1 || !c.serialize_image_pulls, "maxParallelImagePulls",
             "cannot be larger than 1 unless serializeImagePulls is false");
  check.Want(c.container_log_max_files >= 2, "containerLogMaxFiles", "must be 2 or more");
  check.Quantity("containerLogMaxSize", c.container_log_max_size);
  check.Positive("containerLogMonitorInterval", c.container_log_monitor_interval);
  check.Positive("runtimeRequestTimeout", c.runtime_request_timeout);
}

bool IsEvictionSignal(std::string_view signal) {
  for (std::string_view known :
       {"memory.available", "allocatableMemory.available", "nodefs.available", "nodefs.inodesFree",
        "imagefs.available", "imagefs.inodesFree", "containerfs.available",
        "containerfs.inodesFree", "pid.available"}) {
    if (known == signal) return true;
  }
  return false;
}

void Eviction(const KubeletConfig& c, Checks& check) {
  const std::pair<std::string_view, const TextMap*> maps[] = {
      {"evictionHard", &c.eviction_hard},
      {"evictionSoft", &c.eviction_soft},
      {"evictionSoftGracePeriod", &c.eviction_soft_grace_period},
      {"evictionMinimumReclaim", &c.eviction_minimum_reclaim}};
  for (const auto& [name, map] : maps) {
    for (const auto& [signal, value] : *map) {
      check.Want(IsEvictionSignal(signal), StrCat(name, ".", signal), "unknown eviction signal");
      if (map == &c.eviction_soft_grace_period) continue;
      if (!value.ends_with('%')) {
        check.Quantity(StrCat(name, ".", signal), value);
        continue;
      }
      const auto thousandths = MilliOf(value.substr(0, value.size() - 1));
      check.Want(thousandths && *thousandths >= 0 && *thousandths <= 100'000,
                 StrCat(name, ".", signal), "a percentage lies between 0% and 100%");
    }
  }
  for (const auto& [signal, value] : c.eviction_soft) {
    check.Want(c.eviction_soft_grace_period.contains(signal), StrCat("evictionSoft.", signal),
               "grace period must be specified for the soft eviction threshold");
  }
  for (const auto& [signal, value] : c.eviction_soft_grace_period) {
    absl::Duration grace;
    check.Want(absl::ParseDuration(base::Av(value), &grace) && grace >= absl::ZeroDuration(),
               StrCat("evictionSoftGracePeriod.", signal), "want a duration such as 30s");
  }
}

void Kernel(const KubeletConfig& c, Checks& check) {
  check.Want(c.oom_score_adj >= -1000 && c.oom_score_adj <= 1000, "oomScoreAdj",
             "must be between -1000 and 1000");
  check.NotNegative("maxOpenFiles", c.max_open_files);
  check.OneOf("cgroupDriver", c.cgroup_driver, {"cgroupfs", "systemd"});
  check.OneOf("memorySwap.swapBehavior", c.swap_behavior, {"", "NoSwap", "LimitedSwap"});
  check.Want(
      c.cpu_cfs_quota_period >= absl::Milliseconds(1) && c.cpu_cfs_quota_period <= absl::Seconds(1),
      "cpuCFSQuotaPeriod", "must be between 1ms and 1s");
  check.OneOf("hairpinMode", c.hairpin_mode, {"promiscuous-bridge", "hairpin-veth", "none"});
}

void Other(const KubeletConfig& c, Checks& check) {
  check.Want(c.shutdown_grace_period_critical_pods <= c.shutdown_grace_period,
             "shutdownGracePeriodCriticalPods", "must not exceed shutdownGracePeriod");
  check.Want(c.max_container_restart_period >= absl::Seconds(1) &&
                 c.max_container_restart_period <= absl::Seconds(300),
             "crashLoopBackOff.maxContainerRestartPeriod", "must be between 1s and 300s");
  check.OneOf("logging.format", c.logging.format, {"text", "json"});
  check.OneOf("configMapAndSecretChangeDetectionStrategy",
              c.config_map_and_secret_change_detection_strategy, {"Watch", "Cache", "Get"});
  for (const std::string& dns : c.cluster_dns) check.Address("clusterDNS", dns);
  check.Want(!c.container_runtime_endpoint.empty(), "containerRuntimeEndpoint",
             "the container runtime's socket must be given");
}

}  // namespace

absl::Status ValidateConfig(const Config& config) {
  Checks check(config.file, config.kubelet_read);
  Server(config.kubelet, check);
  Node(config.kubelet, check);
  Images(config.kubelet, check);
  Eviction(config.kubelet, check);
  Kernel(config.kubelet, check);
  Other(config.kubelet, check);
  RETURN_IF_ERROR(check.status());

  Checks proxy(config.proxy_file, config.proxy_read);
  proxy.OneOf("mode", config.proxy.mode, {"", "iptables", "nftables", "ipvs"});
  proxy.OneOf("detectLocalMode", config.proxy.detect_local_mode,
              {"", "ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix"});
  proxy.Address("bindAddress", config.proxy.bind_address);
  return proxy.status();
}

}  // namespace berth::agent
