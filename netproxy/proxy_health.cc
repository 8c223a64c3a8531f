// SPDX-License-Identifier: Apache-2.0
#include "netproxy/proxy_health.h"

#include "base/strings.h"

namespace berth::netproxy {
namespace {

std::string Stamp(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", time, absl::UTCTimeZone());
}

}  // namespace

void ProxyHealth::Queued() {
  const absl::Time now = clock_.Now();
  base::MutexLock lock(mu_);
  if (!queued_.has_value()) queued_ = now;
}

void ProxyHealth::Updated() {
  const absl::Time now = clock_.Now();
  base::MutexLock lock(mu_);
  queued_.reset();
  updated_ = now;
}

void ProxyHealth::SetNodeEligible(bool eligible) {
  base::MutexLock lock(mu_);
  eligible_ = eligible;
}

bool ProxyHealth::Healthy() const {
  const absl::Time now = clock_.Now();
  base::MutexLock lock(mu_);
  if (!updated_.has_value() && !queued_.has_value()) return false;  // not started
  return !queued_.has_value() || now - *queued_ < 2 * sync_period_;
}

http::Response ProxyHealth::Answer(std::string_view path) const {
  http::Response out;
  out.headers.Set("Content-Type", "application/json");
  out.headers.Set("X-Content-Type-Options", "nosniff");
  const bool healthy = Healthy();
  const absl::Time now = clock_.Now();
  base::MutexLock lock(mu_);
  const bool live = path == "/livez";
  out.status = healthy && (live || eligible_) ? 200 : 503;
  // As long as nothing waits, what is in the kernel is current.
  const absl::Time updated = healthy && !queued_ ? now : updated_.value_or(absl::UnixEpoch());
  out.body = base::StrCat("{\"lastUpdated\": \"", Stamp(updated), "\",\"currentTime\": \"",
                          Stamp(now), "\"");
  if (!live) base::StrAppend(out.body, ", \"nodeEligible\": ", eligible_);
  out.body += "}";
  return out;
}

http::Handler ProxyHealth::Handler() {
  return [this](std::shared_ptr<http::Exchange> exchange) {
    const std::string path = http::Target::Parse(exchange->request().target).path;
    if (path == "/healthz" || path == "/livez") {
      exchange->Respond(Answer(path));
    } else {
      http::Response missing;
      missing.status = 404;
      missing.body = "404 page not found\n";
      exchange->Respond(std::move(missing));
    }
  };
}

}  // namespace berth::netproxy
