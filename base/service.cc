// SPDX-License-Identifier: Apache-2.0
#include "base/service.h"

#include <signal.h>
#include <systemd/sd-daemon.h>

#include <algorithm>

#include "base/log.h"
#include "base/resident_memory.h"

namespace berth::base {
namespace {

// A check that fails once, on a machine that is busy for a moment, does not starve the watchdog.
constexpr int kChecksInWatchdog = 4;
constexpr absl::Duration kReleasePeriod = absl::Minutes(1);

sigset_t ServiceSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

}  // namespace

void BlockServiceSignals() {
  const sigset_t signals = ServiceSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

bool StartGoesOn() {
  sigset_t waiting;
  sigemptyset(&waiting);
  sigpending(&waiting);
  if (sigismember(&waiting, SIGTERM) == 1 || sigismember(&waiting, SIGINT) == 1) return false;
  sd_notify(0, "EXTEND_TIMEOUT_USEC=30000000");
  return true;
}

int RunService(const ServiceLoop& loop) {
  const sigset_t signals = ServiceSignals();
  uint64_t watchdog_us = 0;
  const bool watched = sd_watchdog_enabled(0, &watchdog_us) > 0;
  const absl::Duration period =
      watched ? std::min(loop.tick, absl::Microseconds(watchdog_us) / kChecksInWatchdog)
              : loop.tick;
  const timespec wait = absl::ToTimespec(period);
  bool was_healthy = true;
  absl::Duration since_release = kReleasePeriod - loop.tick;  // first soon after the start
  sd_notify(0, "READY=1");
  while (true) {
    const absl::Status health = loop.healthy();
    if (health.ok() != was_healthy) {
      was_healthy = health.ok();
      if (was_healthy) {
        BERTH_INFO("healthy again");
      } else {
        BERTH_WARNING("not healthy", {"error", health}, {"watchdog", watched ? "starves" : "off"});
      }
    }
    if (watched && was_healthy) sd_notify(0, "WATCHDOG=1");
    const int got = sigtimedwait(&signals, nullptr, &wait);
    if (got == SIGTERM || got == SIGINT) {
      sd_notify(0, "STOPPING=1");
      return got;
    }
    loop.on_tick();
    since_release += period;
    if (since_release >= kReleasePeriod) {
      since_release = absl::ZeroDuration();
      ReleaseIdleMemory();
    }
  }
}

}  // namespace berth::base
