// SPDX-License-Identifier: Apache-2.0
// Sets of completion indexes, as a Job's status writes them: "0-2,5". Pure.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_JOB_INDEXES_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_JOB_INDEXES_H_

#include <set>
#include <string>
#include <string_view>

namespace berth::controlplane {

// Pieces that cannot be read, and indexes from `completions` on, are left out.
std::set<int> ParseIndexes(std::string_view text, int completions);
std::string FormatIndexes(const std::set<int>& indexes);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_JOB_INDEXES_H_
