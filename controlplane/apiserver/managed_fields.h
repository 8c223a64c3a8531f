// SPDX-License-Identifier: Apache-2.0
// metadata.managedFields as values: who, how, in which version, which fields.
#ifndef BERTH_CONTROLPLANE_APISERVER_MANAGED_FIELDS_H_
#define BERTH_CONTROLPLANE_APISERVER_MANAGED_FIELDS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api/field_set.h"

namespace berth::api::meta::v1 {
class ObjectMeta;
}

namespace berth::controlplane {

struct ManagedFields {
  std::string manager;
  bool applies = false;  // operation Apply; else Update
  std::string api_version;
  std::string subresource;
  absl::Time time;
  api::FieldSet fields;

  // One entry for an applier whatever the version, one per version for an updater.
  bool SameManager(const ManagedFields& other) const;
  // As conflicts name it: "kubectl-edit" using apps/v1
  std::string Text() const;
};

// InvalidArgument for entries whose fields are no FieldsV1.
absl::StatusOr<std::vector<ManagedFields>> ReadManagedFields(const api::meta::v1::ObjectMeta& meta);
// In upstream's order; entries without fields are left out, and of more than ten updaters the
// oldest become one, "ancient-changes".
void WriteManagedFields(std::vector<ManagedFields> entries, api::meta::v1::ObjectMeta& meta);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_MANAGED_FIELDS_H_
