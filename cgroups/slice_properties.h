// SPDX-License-Identifier: Apache-2.0
// What systemd is told about a slice: the properties that kubelet and runc use, pure.
#ifndef BERTH_CGROUPS_SLICE_PROPERTIES_H_
#define BERTH_CGROUPS_SLICE_PROPERTIES_H_

#include <string_view>

#include "cgroups/limits.h"
#include "cgroups/unit_manager.h"

namespace berth::cgroups {

// Accounting is what has systemd enable a controller.
UnitProperties AccountingProperties(bool v2);
// Of a new slice. `parent` is the slice above it, "-.slice" at the top; systemd nests by the
// dashes in the names, the parent is only pulled in.
UnitProperties NewSliceProperties(std::string_view unit, std::string_view parent, bool v2);
// systemd keeps a quota in whole percents: it is rounded up, lest a slice has less than its
// containers; the exact value goes to the file afterwards.
UnitProperties LimitProperties(const Limits& limits, bool v2);

}  // namespace berth::cgroups

#endif  // BERTH_CGROUPS_SLICE_PROPERTIES_H_
