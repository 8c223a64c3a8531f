// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "api/proto/apps/v1/apps.pb.h"
#include "base/strings.h"
#include "controlplane/tables/table.h"

namespace berth::controlplane {
namespace {

using api::apps::v1::DaemonSet;
using api::apps::v1::Deployment;
using api::apps::v1::ReplicaSet;
using api::apps::v1::StatefulSet;
using base::StrCat;

std::vector<std::string> DeploymentRow(const api::Message& object, absl::Time now) {
  const auto& deployment = static_cast<const Deployment&>(object);
  const auto& status = deployment.status();
  std::vector<std::string> row = {
      NameCell(object),
      TextCell(StrCat(status.ready_replicas(), "/", deployment.spec().replicas())),
      NumberCell(status.updated_replicas()), NumberCell(status.available_replicas()),
      AgeCell(object, now)};
  AppendContainers(deployment.spec().template_(), row);
  row.push_back(TextCell(SelectorText(deployment.spec().selector())));
  return row;
}

std::vector<std::string> ReplicaSetRow(const api::Message& object, absl::Time now) {
  const auto& set = static_cast<const ReplicaSet&>(object);
  std::vector<std::string> row = {NameCell(object), NumberCell(set.spec().replicas()),
                                  NumberCell(set.status().replicas()),
                                  NumberCell(set.status().ready_replicas()), AgeCell(object, now)};
  AppendContainers(set.spec().template_(), row);
  row.push_back(TextCell(SelectorText(set.spec().selector())));
  return row;
}

std::vector<std::string> DaemonSetRow(const api::Message& object, absl::Time now) {
  const auto& set = static_cast<const DaemonSet&>(object);
  const auto& status = set.status();
  const auto& selector = set.spec().template_().spec().node_selector();
  std::vector<std::string> row = {NameCell(object),
                                  NumberCell(status.desired_number_scheduled()),
                                  NumberCell(status.current_number_scheduled()),
                                  NumberCell(status.number_ready()),
                                  NumberCell(status.updated_number_scheduled()),
                                  NumberCell(status.number_available()),
                                  TextCell(LabelsText({selector.begin(), selector.end()})),
                                  AgeCell(object, now)};
  AppendContainers(set.spec().template_(), row);
  row.push_back(TextCell(SelectorText(set.spec().selector())));
  return row;
}

std::vector<std::string> StatefulSetRow(const api::Message& object, absl::Time now) {
  const auto& set = static_cast<const StatefulSet&>(object);
  std::vector<std::string> row = {
      NameCell(object), TextCell(StrCat(set.status().ready_replicas(), "/", set.spec().replicas())),
      AgeCell(object, now)};
  AppendContainers(set.spec().template_(), row);
  return row;
}

}  // namespace

std::string SelectorText(const api::meta::v1::LabelSelector& selector) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : selector.match_labels()) parts.push_back(StrCat(key, "=", value));
  std::sort(parts.begin(), parts.end());
  for (const auto& term : selector.match_expressions()) {
    if (term.operator_() == "Exists") {
      parts.push_back(term.key());
    } else if (term.operator_() == "DoesNotExist") {
      parts.push_back(StrCat("!", term.key()));
    } else {
      parts.push_back(StrCat(term.key(), term.operator_() == "In" ? " in (" : " notin (",
                             base::Join(term.values(), ","), ")"));
    }
  }
  return OrNone(base::Join(parts, ","));
}

// Names and images of a template's containers.
void AppendContainers(const api::core::v1::PodTemplateSpec& pod, std::vector<std::string>& row) {
  std::vector<std::string> names;
  std::vector<std::string> images;
  for (const auto& container : pod.spec().containers()) {
    names.push_back(container.name());
    images.push_back(container.image());
  }
  row.push_back(TextCell(base::Join(names, ",")));
  row.push_back(TextCell(base::Join(images, ",")));
}

std::vector<NamedPrinter> WorkloadPrinters() {
  return {{"apps",
           "Deployment",
           {{{.name = "Name", .format = "name"},
             {.name = "Ready"},
             {.name = "Up-to-date", .type = "integer"},
             {.name = "Available", .type = "integer"},
             {.name = "Age"},
             {.name = "Containers", .priority = 1},
             {.name = "Images", .priority = 1},
             {.name = "Selector", .priority = 1}},
            DeploymentRow}},
          {"apps",
           "DaemonSet",
           {{{.name = "Name", .format = "name"},
             {.name = "Desired", .type = "integer"},
             {.name = "Current", .type = "integer"},
             {.name = "Ready", .type = "integer"},
             {.name = "Up-to-date", .type = "integer"},
             {.name = "Available", .type = "integer"},
             {.name = "Node Selector"},
             {.name = "Age"},
             {.name = "Containers", .priority = 1},
             {.name = "Images", .priority = 1},
             {.name = "Selector", .priority = 1}},
            DaemonSetRow}},
          {"apps",
           "StatefulSet",
           {{{.name = "Name", .format = "name"},
             {.name = "Ready"},
             {.name = "Age"},
             {.name = "Containers", .priority = 1},
             {.name = "Images", .priority = 1}},
            StatefulSetRow}},
          {"apps",
           "ReplicaSet",
           {{{.name = "Name", .format = "name"},
             {.name = "Desired", .type = "integer"},
             {.name = "Current", .type = "integer"},
             {.name = "Ready", .type = "integer"},
             {.name = "Age"},
             {.name = "Containers", .priority = 1},
             {.name = "Images", .priority = 1},
             {.name = "Selector", .priority = 1}},
            ReplicaSetRow}}};
}

}  // namespace berth::controlplane
