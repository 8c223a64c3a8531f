// SPDX-License-Identifier: Apache-2.0
// A daemon between its start and its end: signals, and systemd's notifications. For main().
#ifndef BERTH_BASE_SERVICE_H_
#define BERTH_BASE_SERVICE_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace berth::base {

// SIGTERM, SIGINT and SIGHUP are then seen by RunService() only. To be called before any thread
// starts: threads inherit it.
void BlockServiceSignals();

// For a start that takes long, before RunService(): false when SIGTERM or SIGINT waits for it.
// Tells systemd that the start goes on, for at least half a minute more.
bool StartGoesOn();

struct ServiceLoop {
  // Asked several times within systemd's WatchdogSec; the watchdog is fed when it is OK. A change
  // for the worse or the better is logged.
  std::function<absl::Status()> healthy;
  // Called about every `tick`, and on SIGHUP.
  std::function<void()> on_tick = [] {};
  absl::Duration tick = absl::Seconds(10);
};

// Tells systemd READY=1 and returns when SIGTERM or SIGINT comes (which it returns), having told
// STOPPING=1. Once a minute it gives idle memory back (resident_memory.h).
int RunService(const ServiceLoop& loop);

}  // namespace berth::base

#endif  // BERTH_BASE_SERVICE_H_
