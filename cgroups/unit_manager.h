// SPDX-License-Identifier: Apache-2.0
// What the systemd driver asks of systemd: transient slices and their properties.
// Implementations are thread-safe and return when systemd has done it, or DeadlineExceeded.
#ifndef BERTH_CGROUPS_UNIT_MANAGER_H_
#define BERTH_CGROUPS_UNIT_MANAGER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"

namespace berth::cgroups {

// A property as D-Bus carries it: b, t, s or as.
struct UnitProperty {
  std::string name;
  std::variant<bool, uint64_t, std::string, std::vector<std::string>> value;

  bool operator==(const UnitProperty&) const = default;
};
using UnitProperties = std::vector<UnitProperty>;

class UnitManager {
 public:
  virtual ~UnitManager() = default;
  // AlreadyExists when there is such a unit, whoever made it; it is left as it is.
  virtual absl::Status Start(std::string_view unit, const UnitProperties& properties) = 0;
  // Until the next boot.
  virtual absl::Status SetProperties(std::string_view unit, const UnitProperties& properties) = 0;
  // With everything that runs in it. A unit that is not there counts as stopped.
  virtual absl::Status Stop(std::string_view unit) = 0;
};

}  // namespace berth::cgroups

#endif  // BERTH_CGROUPS_UNIT_MANAGER_H_
