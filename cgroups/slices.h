// SPDX-License-Identifier: Apache-2.0
// The systemd driver: each group is a transient slice, its path the slices' names from the top
// ("kubepods.slice/kubepods-burstable.slice"). systemd makes the directories and knows the limits,
// so that it does not undo them when it reloads; what it does not do (controllers that it does not
// manage, quotas of less than a percent) is written to the files afterwards.
#ifndef BERTH_CGROUPS_SLICES_H_
#define BERTH_CGROUPS_SLICES_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cgroups/groups.h"
#include "cgroups/tree.h"
#include "cgroups/unit_manager.h"

namespace berth::cgroups {

class Slices : public Groups {
 public:
  Slices(std::unique_ptr<UnitManager> units, Tree files)
      : units_(std::move(units)), files_(std::move(files)) {}

  absl::Status Create(std::string_view path) override;
  absl::Status Apply(std::string_view path, const Limits& limits) override;
  absl::Status Remove(std::string_view path) override;
  bool Exists(std::string_view path) const override { return files_.Exists(path); }
  std::vector<std::string> Children(std::string_view path) const override {
    return files_.Children(path);
  }
  absl::StatusOr<Usage> ReadUsage(std::string_view path) const override {
    return files_.ReadUsage(path);
  }

 private:
  const std::unique_ptr<UnitManager> units_;
  Tree files_;
};

}  // namespace berth::cgroups

#endif  // BERTH_CGROUPS_SLICES_H_
