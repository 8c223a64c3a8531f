// SPDX-License-Identifier: Apache-2.0
// What `kubectl get` shows: columns and cells of each resource, as upstream's printers make them.
#ifndef BERTH_CONTROLPLANE_TABLES_TABLE_H_
#define BERTH_CONTROLPLANE_TABLES_TABLE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "api/object.h"

namespace berth::api {
class Time;
namespace core::v1 {
class PodTemplateSpec;
}
namespace meta::v1 {
class LabelSelector;
}
}  // namespace berth::api

namespace berth::controlplane {

struct TableColumn {
  std::string_view name;
  std::string_view type = "string";  // or "integer"
  int priority = 0;                  // 1: only with -o wide
  std::string_view format = "";      // "name" for the first column
};

// The cells of one object, as JSON values.
using RowMaker = std::vector<std::string> (*)(const api::Message& object, absl::Time now);

struct TablePrinter {
  std::vector<TableColumn> columns;
  RowMaker row;
};

// NAME and AGE for what has no printer of its own.
const TablePrinter& PrinterFor(std::string_view group, std::string_view kind);

// Building blocks of rows.
std::string TextCell(std::string_view text);
std::string NumberCell(int64_t number);
// "5m10s", as kubectl shows ages.
std::string HumanDuration(absl::Duration age);
// The age since `time`, "<unknown>" when unset.
std::string AgeSince(const api::Time& time, absl::Time now);
std::string AgeCell(const api::Message& object, absl::Time now);
std::string NameCell(const api::Message& object);
// "a=1,b=2"; "<none>" when empty.
std::string LabelsText(const std::vector<std::pair<std::string, std::string>>& labels);
std::string OrNone(std::string text);
// Of a pod template: the names of its containers, and their images.
void AppendContainers(const api::core::v1::PodTemplateSpec& pod, std::vector<std::string>& row);
std::string SelectorText(const api::meta::v1::LabelSelector& selector);

// One table of printers per area.
struct NamedPrinter {
  std::string_view group;
  std::string_view kind;
  TablePrinter printer;
};
std::vector<NamedPrinter> PodPrinters();
std::vector<NamedPrinter> NodePrinters();
std::vector<NamedPrinter> ServicePrinters();
std::vector<NamedPrinter> WorkloadPrinters();
std::vector<NamedPrinter> BatchPrinters();
std::vector<NamedPrinter> ConfigPrinters();
std::vector<NamedPrinter> SigningRequestPrinters();

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_TABLES_TABLE_H_
