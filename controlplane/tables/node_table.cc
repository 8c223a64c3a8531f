// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "api/proto/core/v1/node.pb.h"
#include "base/strings.h"
#include "controlplane/tables/table.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Node;

constexpr std::string_view kRolePrefix = "node-role.kubernetes.io/";
constexpr std::string_view kRoleLabel = "kubernetes.io/role";

std::string NodeStatusText(const Node& node) {
  std::vector<std::string> parts;
  for (const auto& condition : node.status().conditions()) {
    if (condition.type() == "Ready") {
      parts.push_back(condition.status() == "True" ? "Ready" : "NotReady");
    }
  }
  if (parts.empty()) parts.push_back("Unknown");
  if (node.spec().unschedulable()) parts.push_back("SchedulingDisabled");
  return base::Join(parts, ",");
}

std::string Roles(const Node& node) {
  std::set<std::string> roles;
  for (const auto& [key, value] : node.metadata().labels()) {
    if (std::string_view(key).starts_with(kRolePrefix) && key.size() > kRolePrefix.size()) {
      roles.insert(key.substr(kRolePrefix.size()));
    } else if (key == kRoleLabel && !value.empty()) {
      roles.insert(value);
    }
  }
  return OrNone(base::Join(roles, ","));
}

std::string Address(const Node& node, std::string_view type) {
  for (const auto& address : node.status().addresses()) {
    if (address.type() == type) return address.address();
  }
  return "<none>";
}

std::string OrUnknown(const std::string& text) { return text.empty() ? "<unknown>" : text; }

std::vector<std::string> NodeRow(const api::Message& object, absl::Time now) {
  const auto& node = static_cast<const Node&>(object);
  const auto& info = node.status().node_info();
  return {NameCell(object),
          TextCell(NodeStatusText(node)),
          TextCell(Roles(node)),
          AgeCell(object, now),
          TextCell(info.kubelet_version()),
          TextCell(Address(node, "InternalIP")),
          TextCell(Address(node, "ExternalIP")),
          TextCell(OrUnknown(info.os_image())),
          TextCell(OrUnknown(info.kernel_version())),
          TextCell(OrUnknown(info.container_runtime_version()))};
}

}  // namespace

std::vector<NamedPrinter> NodePrinters() {
  return {{"",
           "Node",
           {{{.name = "Name", .format = "name"},
             {.name = "Status"},
             {.name = "Roles"},
             {.name = "Age"},
             {.name = "Version"},
             {.name = "Internal-IP", .priority = 1},
             {.name = "External-IP", .priority = 1},
             {.name = "OS-Image", .priority = 1},
             {.name = "Kernel-Version", .priority = 1},
             {.name = "Container-Runtime", .priority = 1}},
            NodeRow}}};
}

}  // namespace berth::controlplane
