// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/rotation_plan.h"

#include <algorithm>
#include <set>

#include "base/strings.h"

namespace berth::agent {
namespace {

constexpr std::string_view kCompressed = ".gz";
constexpr std::string_view kUnfinished = ".tmp";

std::string_view StemOf(std::string_view name) {
  return name.ends_with(kCompressed) ? name.substr(0, name.size() - kCompressed.size()) : name;
}

bool IsRotated(std::string_view name, std::string_view log) {
  return name.size() > log.size() + 1 && name.starts_with(log) && name[log.size()] == '.';
}

}  // namespace

CleaningPlan PlanCleaning(std::vector<std::string> names, std::string_view log, int max_files) {
  CleaningPlan plan;
  std::sort(names.begin(), names.end());
  const std::set<std::string, std::less<>> all(names.begin(), names.end());
  std::vector<std::string> rotated;  // oldest first
  for (std::string& name : names) {
    if (!IsRotated(name, log)) continue;
    // Of a file and its compressed form the second is complete, or it would not have its name.
    if (name.ends_with(kUnfinished) || all.contains(base::StrCat(name, kCompressed))) {
      plan.remove.push_back(std::move(name));
    } else {
      rotated.push_back(std::move(name));
    }
  }
  const size_t kept = std::min(rotated.size(), static_cast<size_t>(std::max(1, max_files - 1)));
  const size_t first_kept = rotated.size() - kept;
  for (size_t i = 0; i < rotated.size(); ++i) {
    if (i < first_kept) {
      plan.remove.push_back(std::move(rotated[i]));
    } else if (i + 1 < rotated.size() && !rotated[i].ends_with(kCompressed)) {
      plan.compress.push_back(std::move(rotated[i]));
    }
  }
  return plan;
}

std::string RotatedName(const std::vector<std::string>& names, std::string_view log,
                        absl::Time now) {
  std::string_view newest;
  for (const std::string& name : names) {
    if (IsRotated(name, log) && !name.ends_with(kUnfinished)) {
      newest = std::max(newest, StemOf(name));
    }
  }
  // Two in one second, or a clock that was set back: the next second that is free.
  while (true) {
    std::string name =
        base::StrCat(log, ".", absl::FormatTime("%E4Y%m%d-%H%M%S", now, absl::UTCTimeZone()));
    if (name > newest) return name;
    absl::Time last;
    const bool known = absl::ParseTime("%E4Y%m%d-%H%M%S", base::Av(newest.substr(log.size() + 1)),
                                       absl::UTCTimeZone(), &last, nullptr);
    if (!known) return base::StrCat(newest, "-1");
    now = last + absl::Seconds(1);
  }
}

}  // namespace berth::agent
