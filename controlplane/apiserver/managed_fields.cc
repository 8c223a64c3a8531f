// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/managed_fields.h"

#include <algorithm>
#include <tuple>

#include "api/proto/meta/v1/object_meta.pb.h"
#include "api/proto/special.pb.h"
#include "base/quote.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::controlplane {
namespace {

constexpr size_t kMaxUpdaters = 10;

void MergeOldestUpdaters(std::vector<ManagedFields>& entries) {
  const auto applier = [](const ManagedFields& entry) { return entry.applies; };
  const auto updaters = std::stable_partition(entries.begin(), entries.end(), applier);
  const size_t count = entries.end() - updaters;
  if (count <= kMaxUpdaters) return;
  std::stable_sort(updaters, entries.end(),
                   [](const auto& a, const auto& b) { return a.time < b.time; });
  ManagedFields& oldest = *updaters;
  const auto end = updaters + (count - kMaxUpdaters + 1);
  for (auto entry = updaters + 1; entry != end; ++entry) {
    oldest.fields = api::Union(oldest.fields, entry->fields);
    oldest.time = entry->time;
  }
  oldest.manager = "ancient-changes";
  oldest.subresource.clear();
  entries.erase(updaters + 1, end);
}

}  // namespace

bool ManagedFields::SameManager(const ManagedFields& other) const {
  return manager == other.manager && applies == other.applies && subresource == other.subresource &&
         (applies || api_version == other.api_version);
}

std::string ManagedFields::Text() const {
  std::string text;
  base::AppendGoQuoted(text, manager);
  if (!subresource.empty()) {
    text += " with subresource ";
    base::AppendGoQuoted(text, subresource);
  }
  if (!applies) text += base::StrCat(" using ", api_version);
  return text;
}

absl::StatusOr<std::vector<ManagedFields>> ReadManagedFields(
    const api::meta::v1::ObjectMeta& meta) {
  std::vector<ManagedFields> out;
  for (const auto& entry : meta.managed_fields()) {
    if (entry.operation() != "Apply" && entry.operation() != "Update") {
      return base::InvalidArgument("metadata.managedFields: operation must be `Apply` or `Update`");
    }
    if (entry.fields_type() != "FieldsV1") {
      return base::InvalidArgument("metadata.managedFields: fieldsType must be `FieldsV1`");
    }
    ManagedFields& read =
        out.emplace_back(ManagedFields{.manager = entry.manager(),
                                       .applies = entry.operation() == "Apply",
                                       .api_version = entry.api_version(),
                                       .subresource = entry.subresource(),
                                       .time = absl::FromUnixSeconds(entry.time().seconds()),
                                       .fields = {}});
    ASSIGN_OR_RETURN(read.fields, api::ParseFields(entry.fields_v1().raw()),
                     "metadata.managedFields");
  }
  return out;
}

void WriteManagedFields(std::vector<ManagedFields> entries, api::meta::v1::ObjectMeta& meta) {
  std::erase_if(entries, [](const ManagedFields& entry) { return entry.fields.empty(); });
  MergeOldestUpdaters(entries);
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return std::make_tuple(!a.applies, a.time, std::string_view(a.manager)) <
           std::make_tuple(!b.applies, b.time, std::string_view(b.manager));
  });
  meta.clear_managed_fields();
  for (const ManagedFields& entry : entries) {
    auto& out = *meta.add_managed_fields();
    out.set_manager(entry.manager);
    out.set_operation(entry.applies ? "Apply" : "Update");
    out.set_api_version(entry.api_version);
    if (!entry.subresource.empty()) out.set_subresource(entry.subresource);
    out.mutable_time()->set_seconds(absl::ToUnixSeconds(entry.time));
    out.set_fields_type("FieldsV1");
    out.mutable_fields_v1()->set_raw(api::EncodeFields(entry.fields));
  }
}

}  // namespace berth::controlplane
