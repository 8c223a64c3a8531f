// SPDX-License-Identifier: Apache-2.0
// Which of a container's rotated logs stay, and in which form: "0.log" is written to,
// "0.log.20260102-150405" was until then and may still be read by followers, older ones are
// "0.log.20260102-140000.gz". Pure.
#ifndef BERTH_AGENT_LOGS_ROTATION_PLAN_H_
#define BERTH_AGENT_LOGS_ROTATION_PLAN_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace berth::agent {

struct CleaningPlan {
  std::vector<std::string> remove;    // what is too much, and what an interrupted run left
  std::vector<std::string> compress;  // oldest first
};

// `names` is what lies in the folder, `log` the name of the file that is written to. At most
// `max_files` stay, `log` among them.
CleaningPlan PlanCleaning(std::vector<std::string> names, std::string_view log, int max_files);

// The name that `log` gets when it is rotated at `now`: one that sorts after those in `names`.
std::string RotatedName(const std::vector<std::string>& names, std::string_view log,
                        absl::Time now);

}  // namespace berth::agent

#endif  // BERTH_AGENT_LOGS_ROTATION_PLAN_H_
