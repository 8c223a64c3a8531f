// SPDX-License-Identifier: Apache-2.0
#include "agent/node/node_status.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/node/node_conditions.h"
#include "agent/node/node_resources.h"
#include "api/codec.h"
#include "api/proto/core/v1/node.pb.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;
using base::StrCat;
using Json = nlohmann::json;

constexpr size_t kMaxNamesPerImage = 5;
constexpr std::string_view kAttachAnnotation =
    "volumes.kubernetes.io/controller-managed-attach-detach";

api::Time MakeTime(absl::Time at) {
  api::Time out;
  out.set_seconds(absl::ToUnixSeconds(at));
  return out;
}

core::NodeCondition* FindCondition(core::NodeStatus& status, std::string_view type) {
  for (auto& condition : *status.mutable_conditions()) {
    if (condition.type() == type) return &condition;
  }
  return nullptr;
}

void SetConditions(const NodeObservation& seen, absl::Time now, core::NodeStatus& status) {
  for (const ConditionNow& now_is : ConditionsNow(seen)) {
    core::NodeCondition* condition = FindCondition(status, now_is.type);
    const std::string wanted = now_is.status ? "True" : "False";
    if (condition == nullptr) {
      condition = status.add_conditions();
      condition->set_type(now_is.type);
    }
    if (condition->status() != wanted) *condition->mutable_last_transition_time() = MakeTime(now);
    condition->set_status(wanted);
    condition->set_reason(now_is.reason);
    condition->set_message(now_is.message);
    *condition->mutable_last_heartbeat_time() = MakeTime(now);
  }
}

void SetAddresses(const NodeIdentity& identity, core::NodeStatus& status) {
  if (identity.external_cloud) return;
  status.clear_addresses();
  for (const std::string& address : identity.addresses) {
    auto* entry = status.add_addresses();
    entry->set_type("InternalIP");
    entry->set_address(address);
  }
  auto* hostname = status.add_addresses();
  hostname->set_type("Hostname");
  hostname->set_address(identity.name);
}

void SetNodeInfo(const NodeIdentity& identity, const RuntimeSeen& runtime,
                 core::NodeSystemInfo& info) {
  const SystemFacts& facts = identity.facts;
  info.set_machine_id(facts.machine_id);
  info.set_system_uuid(facts.system_uuid);
  info.set_boot_id(facts.boot_id);
  info.set_kernel_version(facts.kernel_version);
  info.set_os_image(facts.os_image);
  if (!runtime.name.empty()) {
    info.set_container_runtime_version(StrCat(runtime.name, "://", runtime.version));
  } else if (!info.has_container_runtime_version()) {
    info.set_container_runtime_version("");
  }
  info.set_kubelet_version(identity.kubelet_version);
  info.set_kube_proxy_version("");
  info.set_operating_system("linux");
  info.set_architecture(facts.architecture);
  if (facts.swap_bytes > 0) info.mutable_swap()->set_capacity(facts.swap_bytes);
}

void SetResources(const NodeIdentity& identity, const KubeletConfig& config,
                  const NodeObservation& seen, core::NodeStatus& status) {
  const auto capacity = NodeCapacity(identity.facts, seen.node_filesystem, config);
  const auto allocatable = NodeAllocatable(identity.facts, seen.node_filesystem, config);
  // Extended resources that others registered stay.
  for (const auto& [name, amount] : capacity) {
    (*status.mutable_capacity())[name].set_string(amount);
  }
  for (const auto& [name, amount] : allocatable) {
    (*status.mutable_allocatable())[name].set_string(amount);
  }
}

void SetImages(const KubeletConfig& config, std::vector<ImageSeen> images,
               core::NodeStatus& status) {
  std::stable_sort(images.begin(), images.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  if (config.node_status_max_images >= 0) {
    images.resize(std::min<size_t>(images.size(), config.node_status_max_images));
  }
  status.clear_images();
  for (const ImageSeen& image : images) {
    auto* entry = status.add_images();
    for (const std::string& name : image.names) {
      if (static_cast<size_t>(entry->names_size()) < kMaxNamesPerImage) entry->add_names(name);
    }
    entry->set_size_bytes(image.bytes);
  }
}

void SetRuntimeFeatures(const RuntimeSeen& runtime, core::NodeStatus& status) {
  status.clear_runtime_handlers();
  for (const RuntimeSeen::Handler& handler : runtime.handlers) {
    auto* entry = status.add_runtime_handlers();
    entry->set_name(handler.name);
    entry->mutable_features()->set_recursive_read_only_mounts(handler.recursive_read_only_mounts);
    entry->mutable_features()->set_user_namespaces(handler.user_namespaces);
  }
  if (runtime.supplemental_groups_policy) {
    status.mutable_features()->set_supplemental_groups_policy(true);
  }
}

Json StatusJson(const core::NodeStatus& status) {
  core::Node node;
  *node.mutable_status() = status;
  Json json = Json::parse(api::EncodeJson(node), nullptr, false);
  const auto at = json.find("status");
  return at == json.end() ? Json::object() : *at;
}

// Sets in `patch` what leads from `before` to `after`, keys that are gone to null.
void DiffMap(const Json& before, const Json& after, Json& patch) {
  for (const auto& [key, value] : after.items()) {
    const auto old = before.find(key);
    if (old == before.end() || *old != value) patch[key] = value;
  }
  for (const auto& [key, value] : before.items()) {
    if (!after.contains(key)) patch[key] = nullptr;
  }
}

}  // namespace

core::Node MakeNode(const NodeIdentity& identity, const KubeletConfig& config) {
  core::Node node;
  auto& meta = *node.mutable_metadata();
  meta.set_name(identity.name);
  auto& labels = *meta.mutable_labels();
  labels["kubernetes.io/hostname"] = identity.name;
  labels["kubernetes.io/os"] = labels["beta.kubernetes.io/os"] = "linux";
  labels["kubernetes.io/arch"] = labels["beta.kubernetes.io/arch"] = identity.facts.architecture;
  for (const auto& [key, value] : identity.labels) labels[key] = value;
  if (config.enable_controller_attach_detach) {
    (*meta.mutable_annotations())[std::string(kAttachAnnotation)] = "true";
  }
  if (identity.external_cloud && !identity.provided_node_ip.empty()) {
    (*meta.mutable_annotations())["alpha.kubernetes.io/provided-node-ip"] =
        identity.provided_node_ip;
  }
  auto& spec = *node.mutable_spec();
  if (!config.provider_id.empty()) spec.set_provider_id(config.provider_id);
  for (const TaintConfig& taint : config.register_with_taints) {
    auto* entry = spec.add_taints();
    entry->set_key(taint.key);
    entry->set_value(taint.value);
    entry->set_effect(taint.effect);
  }
  if (identity.external_cloud) {
    auto* entry = spec.add_taints();
    entry->set_key("node.cloudprovider.kubernetes.io/uninitialized");
    entry->set_value("true");
    entry->set_effect("NoSchedule");
  }
  return node;
}

core::NodeStatus MakeNodeStatus(const NodeIdentity& identity, const KubeletConfig& config,
                                const NodeObservation& seen, const core::NodeStatus& before,
                                absl::Time now) {
  core::NodeStatus status = before;
  SetResources(identity, config, seen, status);
  SetConditions(seen, now, status);
  SetAddresses(identity, status);
  if (config.enable_server) {
    status.mutable_daemon_endpoints()->mutable_kubelet_endpoint()->set_port(config.port);
  }
  SetNodeInfo(identity, seen.runtime, *status.mutable_node_info());
  SetImages(config, seen.images, status);
  if (seen.runtime.reachable.ok()) SetRuntimeFeatures(seen.runtime, status);
  return status;
}

bool StatusDiffers(const core::NodeStatus& a, const core::NodeStatus& b) {
  auto without_times = [](const core::NodeStatus& status) {
    Json json = StatusJson(status);
    for (auto& condition : json["conditions"]) condition.erase("lastHeartbeatTime");
    return json;
  };
  return without_times(a) != without_times(b);
}

std::string StatusPatch(const core::NodeStatus& before, const core::NodeStatus& after) {
  const Json old = StatusJson(before), wanted = StatusJson(after);
  Json patch = Json::object();
  for (const auto& [key, value] : wanted.items()) {
    const auto was = old.find(key);
    if (key == "conditions" || was == old.end()) {
      patch[key] = value;
    } else if (*was == value) {
      continue;
    } else if (key == "addresses") {
      // Two addresses of a type cannot be merged by their type: the list is replaced.
      patch[key] = value;
      patch[key].push_back({{"$patch", "replace"}});
    } else if (value.is_object()) {
      DiffMap(*was, value, patch[key]);
    } else {
      patch[key] = value;
    }
  }
  return Json{{"status", std::move(patch)}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string MetadataPatch(const core::Node& existing, const core::Node& wanted) {
  Json meta = Json::object();
  for (const auto& [key, value] : wanted.metadata().labels()) {
    const auto at = existing.metadata().labels().find(key);
    if (at == existing.metadata().labels().end() || at->second != value)
      meta["labels"][key] = value;
  }
  for (const auto& [key, value] : wanted.metadata().annotations()) {
    const auto at = existing.metadata().annotations().find(key);
    if (at == existing.metadata().annotations().end() || at->second != value) {
      meta["annotations"][key] = value;
    }
  }
  if (meta.empty()) return "";
  return Json{{"metadata", std::move(meta)}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::string> TransitionEvents(const core::NodeStatus& before,
                                          const core::NodeStatus& after) {
  static constexpr std::string_view kNames[][3] = {
      {"MemoryPressure", "NodeHasInsufficientMemory", "NodeHasSufficientMemory"},
      {"DiskPressure", "NodeHasDiskPressure", "NodeHasNoDiskPressure"},
      {"PIDPressure", "NodeHasInsufficientPID", "NodeHasSufficientPID"},
      {"Ready", "NodeReady", "NodeNotReady"}};
  std::vector<std::string> out;
  for (const auto& condition : after.conditions()) {
    std::string was;
    for (const auto& old : before.conditions()) {
      if (old.type() == condition.type()) was = old.status();
    }
    if (was == condition.status()) continue;
    for (const auto& [type, when_true, when_false] : kNames) {
      if (type != condition.type()) continue;
      out.emplace_back(condition.status() == "True" ? when_true : when_false);
    }
  }
  return out;
}

bool IsReady(const core::NodeStatus& status) {
  for (const auto& condition : status.conditions()) {
    if (condition.type() == "Ready") return condition.status() == "True";
  }
  return false;
}

}  // namespace berth::agent
