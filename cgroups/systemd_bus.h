// SPDX-License-Identifier: Apache-2.0
// systemd as UnitManager, over D-Bus: its private socket where we may use it, else the system bus.
// Each call has a connection of its own, so calls of several threads do not wait for each other.
#ifndef BERTH_CGROUPS_SYSTEMD_BUS_H_
#define BERTH_CGROUPS_SYSTEMD_BUS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cgroups/unit_manager.h"

namespace berth::cgroups {

// FailedPrecondition where systemd is not the init system. `timeout` is for a call and its job
// together.
absl::StatusOr<std::unique_ptr<UnitManager>> ConnectSystemd(
    absl::Duration timeout = absl::Seconds(20));

}  // namespace berth::cgroups

#endif  // BERTH_CGROUPS_SYSTEMD_BUS_H_
