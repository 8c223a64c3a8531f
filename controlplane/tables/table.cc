// SPDX-License-Identifier: Apache-2.0
#include "controlplane/tables/table.h"

#include <algorithm>
#include <map>

#include "api/proto/meta/v1/object_meta.pb.h"
#include "api/proto/special.pb.h"
#include "base/strings.h"
#include "controlplane/apiserver/json_text.h"

namespace berth::controlplane {

using base::StrCat;

std::string TextCell(std::string_view text) { return JsonQuote(text); }
std::string NumberCell(int64_t number) { return StrCat(number); }
std::string OrNone(std::string text) { return text.empty() ? "<none>" : text; }

std::string HumanDuration(absl::Duration age) {
  const int64_t seconds = absl::ToInt64Seconds(age);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return StrCat(seconds, "s");
  const int64_t minutes = seconds / 60;
  auto two = [](int64_t a, const char* unit_a, int64_t b, const char* unit_b) {
    return b == 0 ? StrCat(a, unit_a) : StrCat(a, unit_a, b, unit_b);
  };
  if (minutes < 10) return two(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return StrCat(minutes, "m");
  const int64_t hours = minutes / 60;
  if (hours < 8) return two(hours, "h", minutes % 60, "m");
  if (hours < 48) return StrCat(hours, "h");
  const int64_t days = hours / 24;
  if (hours < 192) return two(days, "d", hours % 24, "h");
  if (days < 365 * 2) return StrCat(days, "d");
  if (days < 365 * 8) return two(days / 365, "y", days % 365, "d");
  return StrCat(days / 365, "y");
}

std::string AgeSince(const api::Time& time, absl::Time now) {
  if (time.seconds() == 0) return "<unknown>";
  return HumanDuration(now - absl::FromUnixSeconds(time.seconds()));
}

std::string AgeCell(const api::Message& object, absl::Time now) {
  const auto* meta = api::MetaOf(object);
  return TextCell(meta == nullptr ? "<unknown>" : AgeSince(meta->creation_timestamp(), now));
}

std::string NameCell(const api::Message& object) {
  const auto* meta = api::MetaOf(object);
  return TextCell(meta == nullptr ? "" : meta->name());
}

std::string LabelsText(const std::vector<std::pair<std::string, std::string>>& labels) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : labels) parts.push_back(StrCat(key, "=", value));
  std::sort(parts.begin(), parts.end());
  return OrNone(base::Join(parts, ","));
}

namespace {

std::vector<std::string> NameAndAge(const api::Message& object, absl::Time now) {
  return {NameCell(object), AgeCell(object, now)};
}

using PrinterMap = std::map<std::pair<std::string_view, std::string_view>, TablePrinter>;

PrinterMap MakePrinters() {
  PrinterMap map;
  for (auto* area : {PodPrinters, NodePrinters, ServicePrinters, WorkloadPrinters, BatchPrinters,
                     ConfigPrinters, SigningRequestPrinters}) {
    for (NamedPrinter& named : area()) map[{named.group, named.kind}] = named.printer;
  }
  return map;
}

}  // namespace

const TablePrinter& PrinterFor(std::string_view group, std::string_view kind) {
  static const auto& printers = *new PrinterMap(MakePrinters());
  static const auto& plain =
      *new TablePrinter{{{.name = "Name", .format = "name"}, {.name = "Age"}}, NameAndAge};
  const auto found = printers.find({group, kind});
  return found == printers.end() ? plain : found->second;
}

}  // namespace berth::controlplane
