// SPDX-License-Identifier: Apache-2.0
#ifndef BERTH_CONTROLPLANE_STRATEGIES_SERVICE_ACCOUNT_ADMISSION_H_
#define BERTH_CONTROLPLANE_STRATEGIES_SERVICE_ACCOUNT_ADMISSION_H_

#include "absl/status/status.h"
#include "controlplane/apiserver/object_cache.h"

namespace berth::api::core::v1 {
class Pod;
}

namespace berth::controlplane {

// Gives a new pod its service account ("default" when it names none) and, unless that is turned
// off, the projected volume with token, CA and namespace in each container. Forbidden when the
// account does not exist.
absl::Status AdmitServiceAccount(const ObjectCache& cache, api::core::v1::Pod& pod);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_STRATEGIES_SERVICE_ACCOUNT_ADMISSION_H_
