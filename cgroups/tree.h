// SPDX-License-Identifier: Apache-2.0
// The cgroupfs driver: makes and removes the directories itself. Nobody else may write below the
// top that we are given.
#ifndef BERTH_CGROUPS_TREE_H_
#define BERTH_CGROUPS_TREE_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "cgroups/directory.h"
#include "cgroups/groups.h"
#include "cgroups/hierarchy.h"
#include "cgroups/limits.h"

namespace berth::cgroups {

class Tree : public Groups {
 public:
  explicit Tree(Hierarchies hierarchies) : hierarchies_(std::move(hierarchies)) {}

  bool v2() const { return hierarchies_.v2; }

  absl::Status Create(std::string_view path) override;
  absl::Status Apply(std::string_view path, const Limits& limits) override;
  absl::Status Remove(std::string_view path) override;
  bool Exists(std::string_view path) const override;
  std::vector<std::string> Children(std::string_view path) const override;
  absl::StatusOr<Usage> ReadUsage(std::string_view path) const override;

  // SIGKILL to every process in the group and below it.
  absl::Status Kill(std::string_view path) const;

 private:
  absl::StatusOr<Directory> OpenAt(const Hierarchy& hierarchy, std::string_view path) const;
  absl::StatusOr<Directory> OpenFor(std::string_view controller, std::string_view path) const;

  const Hierarchies hierarchies_;
};

}  // namespace berth::cgroups

#endif  // BERTH_CGROUPS_TREE_H_
