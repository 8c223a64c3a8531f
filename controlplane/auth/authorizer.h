// SPDX-License-Identifier: Apache-2.0
// What a user may do: system:masters everything, nodes what concerns them, everybody what Roles and
// ClusterRoles bound to them say. Thread-safe.
#ifndef BERTH_CONTROLPLANE_AUTH_AUTHORIZER_H_
#define BERTH_CONTROLPLANE_AUTH_AUTHORIZER_H_

#include <string>

#include "controlplane/apiserver/object_cache.h"
#include "controlplane/apiserver/request_info.h"
#include "controlplane/apiserver/user_info.h"

namespace berth::controlplane {

struct Verdict {
  bool allowed = false;
  std::string reason;
};

class Authorizer {
 public:
  explicit Authorizer(const ObjectCache& cache) : cache_(cache) {}
  // `field_selector` is the request's, by which a node says that it asks for its own pods.
  Verdict Authorize(const UserInfo& user, const RequestInfo& request,
                    std::string_view field_selector = "") const;

 private:
  const ObjectCache& cache_;
};

// 403 in upstream's words.
absl::Status DeniedError(const UserInfo& user, const RequestInfo& request, const Verdict& verdict);

// The part of RBAC: Roles and bindings as they are stored.
Verdict AuthorizeByRoles(const ObjectCache& cache, const UserInfo& user,
                         const RequestInfo& request);
// The part of nodes; `node` is the user's. Not allowed with a reason when it is somebody else's.
Verdict AuthorizeNode(const ObjectCache& cache, std::string_view node, const RequestInfo& request,
                      std::string_view field_selector);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_AUTH_AUTHORIZER_H_
