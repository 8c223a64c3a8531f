// SPDX-License-Identifier: Apache-2.0
#include "controlplane/config.h"

#include <yaml.h>

#include <memory>
#include <set>

#include "base/status.h"
#include "base/strings.h"
#include "controlplane/pki/cluster_pki.h"
#include "controlplane/strategies/allocator.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

struct Parser {
  Parser() { yaml_parser_initialize(&raw); }
  ~Parser() { yaml_parser_delete(&raw); }
  yaml_parser_t raw;
};

struct Document {
  ~Document() {
    if (loaded) yaml_document_delete(&raw);
  }
  yaml_document_t raw;
  bool loaded = false;
};

std::string_view Scalar(const yaml_node_t& node) {
  return {reinterpret_cast<const char*>(node.data.scalar.value), node.data.scalar.length};
}

std::string* TextField(Config& config, std::string_view key) {
  if (key == "dataDir") return &config.data_dir;
  if (key == "bindAddress") return &config.bind_address;
  if (key == "advertiseAddress") return &config.advertise_address;
  if (key == "serviceClusterIPRange") return &config.service_cluster_ip_range;
  if (key == "clusterCIDR") return &config.cluster_cidr;
  if (key == "serviceNodePortRange") return &config.service_node_port_range;
  if (key == "nodeMonitorGracePeriod") return &config.node_monitor_grace_period;
  if (key == "clusterSigningDuration") return &config.cluster_signing_duration;
  return nullptr;
}

// What is wrong with one setting, "" when it is fine.
std::string Complaint(const Config& config, std::string_view key) {
  const auto address = [](const std::string& text) {
    return text.empty() || ParseIpv4(text).has_value()
               ? ""
               : StrCat("\"", text, "\" is no IPv4 address");
  };
  if (key == "bindAddress") return address(config.bind_address);
  if (key == "advertiseAddress") return address(config.advertise_address);
  if (key == "securePort") {
    return config.secure_port >= 0 && config.secure_port <= 65535
               ? ""
               : StrCat(config.secure_port, " is no port");
  }
  absl::Status status;
  if (key == "serviceClusterIPRange") status = ParseCidr(config.service_cluster_ip_range).status();
  if (key == "clusterCIDR") status = ParseCidr(config.cluster_cidr).status();
  if (key == "serviceNodePortRange") {
    status = ParsePortRange(config.service_node_port_range).status();
  }
  if (key == "nodeMonitorGracePeriod") {
    status = ParsePeriod(config.node_monitor_grace_period).status();
  }
  if (key == "clusterSigningDuration") {
    status = ParsePeriod(config.cluster_signing_duration).status();
  }
  return std::string(base::Message(status));
}

absl::Status ApplySetting(std::string_view where, std::string_view key, const yaml_node_t& value,
                          Config& config) {
  auto bad = [&](std::string_view why) {
    return base::InvalidArgument(where, ": ", key, ": ", why);
  };
  std::string* text = TextField(config, key);
  if (text == nullptr && key != "securePort") return bad("unknown field");
  if (value.type != YAML_SCALAR_NODE) return bad("want a single value");
  if (text != nullptr) {
    *text = Scalar(value);
  } else {
    const auto port = base::ParseInt<int>(Scalar(value));
    if (!port.has_value()) return bad(StrCat("want a number, got \"", Scalar(value), "\""));
    config.secure_port = *port;
  }
  const std::string complaint = Complaint(config, key);
  return complaint.empty() ? absl::OkStatus() : bad(complaint);
}

}  // namespace

absl::StatusOr<absl::Duration> ParsePeriod(std::string_view text) {
  absl::Duration period;
  if (!absl::ParseDuration(base::Av(text), &period) || period <= absl::ZeroDuration()) {
    return base::InvalidArgument("\"", text, "\" is no period such as 50s");
  }
  return period;
}

absl::StatusOr<std::pair<int, int>> ParsePortRange(std::string_view text) {
  const auto [first, last] = base::SplitOnce(text, '-');
  const auto low = base::ParseInt<int>(first);
  const auto high = base::ParseInt<int>(last.value_or(""));
  if (!low.has_value() || !high.has_value() || *low < 1 || *high > 65535 || *low > *high) {
    return base::InvalidArgument("\"", text, "\" is no range of ports such as 30000-32767");
  }
  return std::pair(*low, *high);
}

absl::Status ParseConfig(std::string_view text, std::string_view file, Config& config) {
  Parser parser;
  yaml_parser_set_input_string(&parser.raw, reinterpret_cast<const unsigned char*>(text.data()),
                               text.size());
  Document document;
  if (yaml_parser_load(&parser.raw, &document.raw) != 1) {
    return base::InvalidArgument(file, ":", parser.raw.problem_mark.line + 1, ": ",
                                 parser.raw.problem == nullptr ? "no YAML" : parser.raw.problem);
  }
  document.loaded = true;
  const yaml_node_t* root = yaml_document_get_root_node(&document.raw);
  if (root == nullptr) return absl::OkStatus();
  if (root->type != YAML_MAPPING_NODE) {
    return base::InvalidArgument(file, ":", root->start_mark.line + 1, ": want a mapping");
  }
  std::set<std::string, std::less<>> seen;
  for (const yaml_node_pair_t* pair = root->data.mapping.pairs.start;
       pair < root->data.mapping.pairs.top; ++pair) {
    const yaml_node_t& key = *yaml_document_get_node(&document.raw, pair->key);
    const yaml_node_t& value = *yaml_document_get_node(&document.raw, pair->value);
    const std::string where = StrCat(file, ":", key.start_mark.line + 1);
    if (key.type != YAML_SCALAR_NODE) return base::InvalidArgument(where, ": want a field's name");
    if (!seen.emplace(Scalar(key)).second) {
      return base::InvalidArgument(where, ": ", Scalar(key), ": given twice");
    }
    RETURN_IF_ERROR(ApplySetting(where, Scalar(key), value, config));
  }
  return absl::OkStatus();
}

absl::Status ReadConfigFile(const std::string& path, Config& config) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseConfig(text, path, config);
}

absl::Status CheckConfig(const Config& config) {
  constexpr std::pair<const char*, const char*> kFlags[] = {
      {"bindAddress", "--bind-address"},
      {"advertiseAddress", "--advertise-address"},
      {"securePort", "--secure-port"},
      {"serviceClusterIPRange", "--service-cluster-ip-range"},
      {"clusterCIDR", "--cluster-cidr"},
      {"serviceNodePortRange", "--service-node-port-range"},
      {"nodeMonitorGracePeriod", "--node-monitor-grace-period"},
      {"clusterSigningDuration", "--cluster-signing-duration"}};
  for (const auto& [key, flag] : kFlags) {
    const std::string complaint = Complaint(config, key);
    if (!complaint.empty()) return base::InvalidArgument(flag, ": ", complaint);
  }
  return absl::OkStatus();
}

}  // namespace berth::controlplane
