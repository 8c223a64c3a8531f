// SPDX-License-Identifier: Apache-2.0
#include "agent/server/log_options.h"

#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

absl::Status Read(const http::Target& target, std::string_view name, bool& out) {
  const auto text = target.Find(name);
  if (!text) return absl::OkStatus();
  if (*text == "true" || *text == "1" || text->empty()) {
    out = true;
  } else if (*text == "false" || *text == "0") {
    out = false;
  } else {
    return base::InvalidArgument(name, ": want true or false, got \"", *text, "\"");
  }
  return absl::OkStatus();
}

absl::Status Read(const http::Target& target, std::string_view name, int64_t least,
                  std::optional<int64_t>& out) {
  const auto text = target.Find(name);
  if (!text || text->empty()) return absl::OkStatus();
  out = base::ParseInt<int64_t>(*text);
  if (!out) return base::InvalidArgument(name, ": want a number, got \"", *text, "\"");
  if (*out < least) return base::InvalidArgument(name, ": must be ", least, " or more");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LogOptions> ParseLogOptions(const http::Target& target, absl::Time now) {
  LogOptions options;
  std::optional<int64_t> since_seconds;
  RETURN_IF_ERROR(Read(target, "follow", options.follow));
  RETURN_IF_ERROR(Read(target, "previous", options.previous));
  RETURN_IF_ERROR(Read(target, "timestamps", options.timestamps));
  RETURN_IF_ERROR(Read(target, "tailLines", 0, options.tail_lines));
  RETURN_IF_ERROR(Read(target, "limitBytes", 1, options.limit_bytes));
  RETURN_IF_ERROR(Read(target, "sinceSeconds", 1, since_seconds));
  if (since_seconds) options.since = now - absl::Seconds(*since_seconds);
  if (const auto text = target.Find("sinceTime"); text && !text->empty()) {
    if (since_seconds) {
      return base::InvalidArgument("at most one of sinceTime or sinceSeconds may be specified");
    }
    absl::Time at;
    if (!absl::ParseTime(absl::RFC3339_full, base::Av(*text), &at, nullptr)) {
      return base::InvalidArgument("sinceTime: want an RFC 3339 time, got \"", *text, "\"");
    }
    options.since = at;
  }
  return options;
}

}  // namespace berth::agent
