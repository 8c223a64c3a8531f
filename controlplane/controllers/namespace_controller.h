// SPDX-License-Identifier: Apache-2.0
// Namespaces from birth to death: the four that a cluster starts with, what each one contains by
// default (ServiceAccount default, ConfigMap kube-root-ca.crt), and emptying those that are
// deleted.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_NAMESPACE_CONTROLLER_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_NAMESPACE_CONTROLLER_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "controlplane/controllers/context.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

class NamespaceController : public Controller {
 public:
  explicit NamespaceController(Context& context);
  void Begin() override;

 private:
  absl::Status Sync(const std::string& name);
  absl::Status EnsureDefaults(const std::string& name);
  absl::Status Empty(const api::core::v1::Namespace& space);
  // Deletes what is there of every resource; how much there was.
  absl::StatusOr<int> DeleteContents(std::string_view name);
  absl::Status Finalize(const api::core::v1::Namespace& space);

  Context& context_;
  SyncQueue queue_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_NAMESPACE_CONTROLLER_H_
