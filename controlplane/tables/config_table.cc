// SPDX-License-Identifier: Apache-2.0
#include "api/proto/coordination/v1/coordination.pb.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/event.pb.h"
#include "base/strings.h"
#include "controlplane/tables/table.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

std::vector<std::string> ConfigMapRow(const api::Message& object, absl::Time now) {
  const auto& map = static_cast<const api::core::v1::ConfigMap&>(object);
  return {NameCell(object), NumberCell(map.data_size() + map.binary_data_size()),
          AgeCell(object, now)};
}

std::vector<std::string> SecretRow(const api::Message& object, absl::Time now) {
  const auto& secret = static_cast<const api::core::v1::Secret&>(object);
  return {NameCell(object), TextCell(secret.type()), NumberCell(secret.data_size()),
          AgeCell(object, now)};
}

std::vector<std::string> NamespaceRow(const api::Message& object, absl::Time now) {
  const auto& namespace_ = static_cast<const api::core::v1::Namespace&>(object);
  return {NameCell(object), TextCell(namespace_.status().phase()), AgeCell(object, now)};
}

std::vector<std::string> ServiceAccountRow(const api::Message& object, absl::Time now) {
  const auto& account = static_cast<const api::core::v1::ServiceAccount&>(object);
  return {NameCell(object), NumberCell(account.secrets_size()), AgeCell(object, now)};
}

std::vector<std::string> LeaseRow(const api::Message& object, absl::Time now) {
  const auto& lease = static_cast<const api::coordination::v1::Lease&>(object);
  return {NameCell(object), TextCell(lease.spec().holder_identity()), AgeCell(object, now)};
}

std::string Since(int64_t seconds, absl::Time now) {
  return seconds == 0 ? "<unknown>" : HumanDuration(now - absl::FromUnixSeconds(seconds));
}

std::vector<std::string> EventRow(const api::Message& object, absl::Time now) {
  const auto& event = static_cast<const api::core::v1::Event&>(object);
  int64_t first = event.first_timestamp().seconds();
  if (first == 0) first = event.event_time().seconds();
  int64_t last = event.last_timestamp().seconds();
  if (last == 0) last = first;
  int count = event.count();
  if (event.has_series()) {
    last = event.series().last_observed_time().seconds();
    count = event.series().count();
  }
  if (count == 0) count = 1;
  const auto& involved = event.involved_object();
  std::string source =
      event.source().component().empty() ? event.reporting_component() : event.source().component();
  if (!event.source().host().empty()) base::StrAppend(source, ", ", event.source().host());
  return {TextCell(Since(last, now)),
          TextCell(event.type()),
          TextCell(event.reason()),
          TextCell(StrCat(base::ToLower(involved.kind()), "/", involved.name())),
          TextCell(involved.field_path()),
          TextCell(source),
          TextCell(base::Trim(event.message())),
          TextCell(Since(first, now)),
          NumberCell(count),
          NameCell(object)};
}

}  // namespace

std::vector<NamedPrinter> ConfigPrinters() {
  return {
      {"",
       "ConfigMap",
       {{{.name = "Name", .format = "name"}, {.name = "Data"}, {.name = "Age"}}, ConfigMapRow}},
      {"",
       "Secret",
       {{{.name = "Name", .format = "name"},
         {.name = "Type"},
         {.name = "Data", .type = "integer"},
         {.name = "Age"}},
        SecretRow}},
      {"",
       "Namespace",
       {{{.name = "Name", .format = "name"}, {.name = "Status"}, {.name = "Age"}}, NamespaceRow}},
      {"",
       "ServiceAccount",
       {{{.name = "Name", .format = "name"},
         {.name = "Secrets", .type = "integer"},
         {.name = "Age"}},
        ServiceAccountRow}},
      {"coordination.k8s.io",
       "Lease",
       {{{.name = "Name", .format = "name"}, {.name = "Holder"}, {.name = "Age"}}, LeaseRow}},
      {"",
       "Event",
       {{{.name = "Last Seen"},
         {.name = "Type"},
         {.name = "Reason"},
         {.name = "Object"},
         {.name = "Subobject", .priority = 1},
         {.name = "Source", .priority = 1},
         {.name = "Message"},
         {.name = "First Seen", .priority = 1},
         {.name = "Count", .priority = 1},
         {.name = "Name", .priority = 1, .format = "name"}},
        EventRow}},
  };
}

}  // namespace berth::controlplane
