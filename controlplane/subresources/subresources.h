// SPDX-License-Identifier: Apache-2.0
// What is no plain read or write of an object: pods/binding, scale, tokens, reviews. Each is one
// function; the table below says which path it serves.
#ifndef BERTH_CONTROLPLANE_SUBRESOURCES_SUBRESOURCES_H_
#define BERTH_CONTROLPLANE_SUBRESOURCES_SUBRESOURCES_H_

#include <map>
#include <string>

#include "controlplane/apiserver/registry.h"
#include "controlplane/apiserver/request_scope.h"
#include "controlplane/auth/authenticator.h"
#include "controlplane/auth/authorizer.h"
#include "controlplane/auth/tokens.h"

namespace berth::controlplane {

// By "group/resource/subresource", or "group/resource" for resources that only answer a POST.
using SubresourceTable = std::map<std::string, ScopeHandler, std::less<>>;

void AddPodSubresources(Registry& registry, SubresourceTable& table);  // binding
void AddEphemeralContainers(Registry& registry, SubresourceTable& table);
void AddEviction(Registry& registry, SubresourceTable& table);
void AddScale(Registry& registry, SubresourceTable& table);
void AddTokens(Registry& registry, const TokenSigner& signer, const Authenticator& authenticator,
               SubresourceTable& table);
// certificatesigningrequests: approval and status
void AddSigningRequests(Registry& registry, const Authorizer& authorizer, SubresourceTable& table);
void AddReviews(const Authorizer& authorizer, SubresourceTable& table);

// 201 with a Status, for what was done and has no object to show.
void RespondCreated(RequestScope& scope);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_SUBRESOURCES_SUBRESOURCES_H_
