// SPDX-License-Identifier: Apache-2.0
#include "base/status.h"

#include <cerrno>
#include <system_error>

namespace berth::base {

absl::Status FromErrno(int error, std::string_view context) {
  return absl::Status(absl::ErrnoToStatusCode(error),
                      StrCat(context, ": ", std::generic_category().message(error)));
}

absl::Status WithContext(absl::Status status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status out(status.code(), StrCat(context, ": ", Message(status)));
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { out.SetPayload(url, payload); });
  return out;
}

}  // namespace berth::base
