// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/field_managers.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <map>
#include <vector>

#include "api/codec.h"
#include "api/field_ownership.h"
#include "api/patch.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/apiserver/managed_fields.h"

namespace berth::controlplane {
namespace {

using api::FieldSet;
using base::StrCat;

constexpr char kLastApplied[] = "kubectl.kubernetes.io/last-applied-configuration";

std::string TextOf(const api::Message& object) {
  std::unique_ptr<api::Message> copy(object.New());
  copy->CopyFrom(object);
  api::MutableMetaOf(*copy)->clear_managed_fields();
  return api::EncodeJson(*copy);
}

// What a write through `subresource` can manage.
FieldSet Limited(FieldSet fields, std::string_view subresource) {
  const bool status = subresource == "status";
  std::erase_if(fields, [&](const auto& path) { return (path[0] == "f:status") != status; });
  return fields;
}

// What `kubectl apply` said last without this; empty when it never spoke.
FieldSet LastApplied(const api::Message& object) {
  const auto& annotations = api::MetaOf(object)->annotations();
  const auto found = annotations.find(kLastApplied);
  if (found == annotations.end()) return {};
  return api::FieldsOf(*object.GetDescriptor(), found->second).value_or(FieldSet());
}

// Who manages an object that nobody tracked. kubectl looks for its own name here, and moves what is
// under it to its apply.
std::vector<ManagedFields> BeforeFirstApply(const api::Message& object, FieldSet all) {
  const absl::Time made =
      absl::FromUnixSeconds(api::MetaOf(object)->creation_timestamp().seconds());
  const std::string version = api::KindOf(object).ApiVersion();
  const FieldSet kubectls = api::Intersection(all, LastApplied(object));
  return {{"kubectl-client-side-apply", false, version, "", made, kubectls},
          {"before-first-apply", false, version, "", made, api::Difference(all, kubectls)}};
}

struct Conflict {
  std::string manager;
  FieldSet fields;
};

absl::Status ConflictsError(const std::vector<Conflict>& conflicts) {
  std::vector<ErrorCause> causes;
  std::map<std::string, std::string> lists;
  for (const auto& [manager, fields] : conflicts) {
    for (const api::FieldPath& path : fields) {
      causes.push_back({"FieldManagerConflict", "conflict with " + manager, api::ToText(path)});
      lists[manager] += StrCat("\n- ", api::ToText(path));
    }
  }
  if (causes.size() == 1) {
    return ApplyConflictError(
        StrCat("Apply failed with 1 conflict: ", causes[0].message, ": ", causes[0].field), causes);
  }
  std::vector<std::string> texts;
  for (const auto& [manager, list] : lists) {
    texts.push_back(StrCat("conflicts with ", manager, ":", list));
  }
  return ApplyConflictError(
      StrCat("Apply failed with ", causes.size(), " conflicts: ", base::Join(texts, "\n")), causes);
}

bool EndsTracking(const api::meta::v1::ObjectMeta& meta) {
  if (meta.managed_fields_size() != 1) return false;
  const auto& entry = meta.managed_fields(0);
  return entry.manager().empty() && entry.operation().empty() && !entry.has_fields_v1();
}

ManagedFields EntryOf(const FieldManager& manager, const api::Message& object, bool applies,
                      absl::Time now) {
  return {manager.name, applies, api::KindOf(object).ApiVersion(), manager.subresource, now, {}};
}

}  // namespace

absl::Status ApplyConfig(const FieldManager& manager, absl::Time now, std::string_view config,
                         api::Message& object) {
  const auto& type = *object.GetDescriptor();
  const std::string live = TextOf(object);
  ASSIGN_OR_RETURN(FieldSet fields, api::FieldsOf(type, config));
  fields = Limited(std::move(fields), manager.subresource);
  ASSIGN_OR_RETURN(FieldSet live_fields, api::FieldsOf(type, live));
  const bool exists = !api::MetaOf(object)->uid().empty();
  auto entries = ReadManagedFields(*api::MetaOf(object)).value_or(std::vector<ManagedFields>());
  if (entries.empty() && exists) entries = BeforeFirstApply(object, std::move(live_fields));

  ManagedFields mine = EntryOf(manager, object, /*applies=*/true, now);
  FieldSet owned = fields;
  for (size_t i = 0; i < entries.size();) {
    if (!entries[i].SameManager(mine)) {
      owned = api::Union(owned, entries[i++].fields);
      continue;
    }
    mine = std::move(entries[i]);
    entries.erase(entries.begin() + i);
  }

  ASSIGN_OR_RETURN(std::string wanted, api::ApplyPatch(type, live, config));
  ASSIGN_OR_RETURN(wanted,
                   api::RemoveFields(type, wanted, api::Difference(mine.fields, fields), owned));
  std::unique_ptr<api::Message> next(object.New());
  RETURN_IF_ERROR(api::DecodeJson(wanted, *next));
  const std::string result = TextOf(*next);
  ASSIGN_OR_RETURN(const api::FieldChanges changes, api::CompareFields(type, live, result));
  const FieldSet written = Limited(changes.written, manager.subresource);

  const FieldSet kubectls = manager.name == "kubectl" ? LastApplied(object) : FieldSet();
  std::vector<Conflict> conflicts;
  for (ManagedFields& other : entries) {
    FieldSet disputed = api::Intersection(other.fields, written);
    other.fields = api::Difference(api::Difference(other.fields, disputed), changes.removed);
    disputed = api::Difference(disputed, kubectls);
    if (!disputed.empty()) conflicts.push_back({other.Text(), std::move(disputed)});
  }
  if (!conflicts.empty() && !manager.force) return ConflictsError(conflicts);

  if (mine.fields != fields || live != result) mine.time = now;
  mine.api_version = api::KindOf(object).ApiVersion();
  mine.fields = std::move(fields);
  entries.push_back(std::move(mine));
  object.CopyFrom(*next);
  WriteManagedFields(std::move(entries), *api::MutableMetaOf(object));
  return absl::OkStatus();
}

absl::Status TrackUpdate(const FieldManager& manager, absl::Time now, const api::Message& old,
                         api::Message& next) {
  auto& meta = *api::MutableMetaOf(next);
  if (EndsTracking(meta))
    meta.clear_managed_fields();
  else if (meta.managed_fields().empty())
    *meta.mutable_managed_fields() = api::MetaOf(old)->managed_fields();
  if (meta.managed_fields().empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::vector<ManagedFields> entries, ReadManagedFields(meta));
  ASSIGN_OR_RETURN(const api::FieldChanges changes,
                   api::CompareFields(*old.GetDescriptor(), TextOf(old), TextOf(next)));
  ManagedFields mine = EntryOf(manager, next, /*applies=*/false, now);
  mine.fields = changes.written;
  for (ManagedFields& entry : entries) {
    entry.fields = api::Difference(entry.fields, changes.removed);
    if (entry.SameManager(mine)) {
      if (changes.written.empty()) mine.time = entry.time;
      mine.fields = api::Union(mine.fields, entry.fields);
      entry.fields.clear();
    } else {
      entry.fields = api::Difference(entry.fields, changes.written);
    }
  }
  entries.push_back(std::move(mine));
  WriteManagedFields(std::move(entries), meta);
  return absl::OkStatus();
}

}  // namespace berth::controlplane
