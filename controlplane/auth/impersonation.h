// SPDX-License-Identifier: Apache-2.0
#ifndef BERTH_CONTROLPLANE_AUTH_IMPERSONATION_H_
#define BERTH_CONTROLPLANE_AUTH_IMPERSONATION_H_

#include "absl/status/statusor.h"
#include "controlplane/apiserver/user_info.h"
#include "controlplane/auth/authorizer.h"
#include "http/message.h"

namespace berth::controlplane {

// The user that `user` wants to act as, by the Impersonate-* headers; `user` itself without them.
// Forbidden when the verb "impersonate" on that user, account or group is not allowed.
absl::StatusOr<UserInfo> Impersonate(const Authorizer& authorizer, const http::Headers& headers,
                                     const UserInfo& user);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_AUTH_IMPERSONATION_H_
