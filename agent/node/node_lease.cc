// SPDX-License-Identifier: Apache-2.0
#include "agent/node/node_lease.h"

#include "api/proto/coordination/v1/coordination.pb.h"
#include "base/status.h"
#include "client/api_client.h"

namespace berth::agent {
namespace {

constexpr std::string_view kNamespace = "kube-node-lease";
constexpr int kUpdateAttempts = 5;

}  // namespace

NodeLease::NodeLease(client::ApiClient& api, std::string node_name, int duration_seconds)
    : api_(api), node_name_(std::move(node_name)), duration_seconds_(duration_seconds) {}
NodeLease::~NodeLease() = default;

void NodeLease::Fill(std::string_view node_uid, absl::Time now) {
  auto& meta = *lease_->mutable_metadata();
  if (!node_uid.empty() && meta.owner_references().empty()) {
    auto* owner = meta.add_owner_references();
    owner->set_api_version("v1");
    owner->set_kind("Node");
    owner->set_name(node_name_);
    owner->set_uid(std::string(node_uid));
  }
  auto& spec = *lease_->mutable_spec();
  spec.set_holder_identity(node_name_);
  spec.set_lease_duration_seconds(duration_seconds_);
  const int64_t micros = absl::ToUnixMicros(now);
  spec.mutable_renew_time()->set_seconds(micros / 1'000'000);
  spec.mutable_renew_time()->set_nanos(static_cast<int32_t>(micros % 1'000'000 * 1000));
}

absl::Status NodeLease::Create(std::string_view node_uid, absl::Time now) {
  lease_ = std::make_unique<api::coordination::v1::Lease>();
  lease_->mutable_metadata()->set_name(node_name_);
  lease_->mutable_metadata()->set_namespace_(std::string(kNamespace));
  Fill(node_uid, now);
  api::coordination::v1::Lease created;
  const absl::Status status = api_.Create(client::kLeases, *lease_, &created);
  if (status.ok()) {
    *lease_ = std::move(created);
  } else {
    lease_ = nullptr;
  }
  return status;
}

absl::Status NodeLease::Renew(std::string_view node_uid, absl::Time now) {
  absl::Status status = absl::UnavailableError("no attempt was made");
  for (int attempt = 0; attempt < kUpdateAttempts; ++attempt) {
    if (lease_ == nullptr) {
      auto found = std::make_unique<api::coordination::v1::Lease>();
      status = api_.Get(client::kLeases, kNamespace, node_name_, *found);
      if (absl::IsNotFound(status)) return Create(node_uid, now);
      if (!status.ok()) return status;
      lease_ = std::move(found);
    }
    Fill(node_uid, now);
    api::coordination::v1::Lease updated;
    status = api_.Update(client::kLeases, *lease_, &updated);
    if (status.ok()) {
      *lease_ = std::move(updated);
      return status;
    }
    // Somebody else wrote it, or it is gone: read it again. Other errors wait for the next time.
    lease_ = nullptr;
    if (!absl::IsAborted(status) && !absl::IsNotFound(status)) return status;
  }
  return status;
}

}  // namespace berth::agent
