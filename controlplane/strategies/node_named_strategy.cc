// SPDX-License-Identifier: Apache-2.0
// Objects of nodes that are called as their node is: leases and CSINodes. A node makes its own.
#include "api/proto/meta/v1/object_meta.pb.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/strategies/strategies.h"

namespace berth::controlplane {
namespace {

class NodeNamedStrategy : public Strategy {
 public:
  explicit NodeNamedStrategy(NodeNamed kind) : kind_(kind) {}

  absl::Status PrepareForCreate(const WriteContext& context, api::Message& object) override {
    const std::string_view node = context.user.Node();
    const std::string& name = api::MetaOf(object)->name();
    if (node.empty() || name == node) return absl::OkStatus();
    if (kind_ == NodeNamed::kLease) {
      return ForbiddenError({"coordination.k8s.io", "leases", "Lease", name},
                            "can only access node lease with the same name as the requesting node");
    }
    return ForbiddenError({"storage.k8s.io", "csinodes", "CSINode", name},
                          "can only access CSINode with the same name as the requesting node");
  }

 private:
  const NodeNamed kind_;
};

}  // namespace

std::unique_ptr<Strategy> MakeNodeNamedStrategy(NodeNamed kind) {
  return std::make_unique<NodeNamedStrategy>(kind);
}

}  // namespace berth::controlplane
