// SPDX-License-Identifier: Apache-2.0
#include "cgroups/slices.h"

#include "base/status.h"
#include "base/strings.h"
#include "cgroups/slice_properties.h"

namespace berth::cgroups {
namespace {

struct Names {
  std::string_view unit, parent;
};

absl::StatusOr<Names> NamesOf(std::string_view path) {
  Names names{"", "-.slice"};
  for (const auto part : base::Split(path, '/')) {
    if (part.empty()) continue;
    if (!part.ends_with(".slice")) return base::InvalidArgument("\"", part, "\" is no slice");
    if (!names.unit.empty()) names.parent = names.unit;
    names.unit = part;
  }
  if (names.unit.empty()) return base::InvalidArgument("the root slice is not ours");
  return names;
}

}  // namespace

absl::Status Slices::Create(std::string_view path) {
  ASSIGN_OR_RETURN(const Names names, NamesOf(path));
  absl::Status started =
      units_->Start(names.unit, NewSliceProperties(names.unit, names.parent, files_.v2()));
  if (absl::IsAlreadyExists(started)) {
    // systemd makes a slice by itself when one below it starts, and then accounts for nothing.
    started = units_->SetProperties(names.unit, AccountingProperties(files_.v2()));
  }
  RETURN_IF_ERROR(started, "slice ", names.unit);
  return files_.Create(path);
}

absl::Status Slices::Apply(std::string_view path, const Limits& limits) {
  ASSIGN_OR_RETURN(const Names names, NamesOf(path));
  const UnitProperties properties = LimitProperties(limits, files_.v2());
  if (properties.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(units_->SetProperties(names.unit, properties), "slice ", names.unit);
  return files_.Apply(path, limits);
}

absl::Status Slices::Remove(std::string_view path) {
  ASSIGN_OR_RETURN(const Names names, NamesOf(path));
  // Directories go last, so that a unit that could not be stopped is found again.
  if (!files_.Exists(path)) return absl::OkStatus();
  RETURN_IF_ERROR(files_.Kill(path));
  RETURN_IF_ERROR(units_->Stop(names.unit), "slice ", names.unit);
  return files_.Remove(path);
}

}  // namespace berth::cgroups
