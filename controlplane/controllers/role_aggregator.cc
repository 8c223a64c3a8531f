// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/role_aggregator.h"

#include "api/proto/rbac/v1/rbac.pb.h"
#include "controlplane/auth/role_rules.h"

namespace berth::controlplane {
namespace {

using api::rbac::v1::ClusterRole;

constexpr client::Resource kClusterRoles{"rbac.authorization.k8s.io", "v1", "clusterroles", false};

}  // namespace

RoleAggregator::RoleAggregator(Context& context)
    : context_(context),
      queue_(context, "clusterroleaggregation",
             [this](const std::string& name) { return Sync(name); }),
      roles_(context.api, context.executor, context.clock, kClusterRoles) {
  // Any role may be one that another selects; there are few that do.
  roles_.OnChange([this](const std::string&) {
    if (roles_.HasSynced()) AddAggregated();
  });
}

RoleAggregator::~RoleAggregator() = default;

void RoleAggregator::Begin() {
  roles_.Start();
  queue_.Add("");  // once its list is there, all are looked at
}

void RoleAggregator::AddAggregated() {
  for (const auto& role : roles_.List()) {
    if (role->has_aggregation_rule()) queue_.Add(role->metadata().name());
  }
}

absl::Status RoleAggregator::Sync(const std::string& name) {
  if (!roles_.HasSynced()) {
    queue_.AddAfter(name, absl::Milliseconds(50));
    return absl::OkStatus();
  }
  if (name.empty()) {
    AddAggregated();
    return absl::OkStatus();
  }
  const auto seen = roles_.Get(name);
  if (seen == nullptr) return absl::OkStatus();
  const auto all = roles_.List();
  std::vector<const ClusterRole*> roles;
  for (const auto& role : all) roles.push_back(role.get());
  ClusterRole role = *seen;
  if (!Aggregate(roles, role)) return absl::OkStatus();
  const absl::Status status = context_.api.Update(kClusterRoles, role, nullptr);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace berth::controlplane
