// SPDX-License-Identifier: Apache-2.0
// Defaults of apps/v1. The object must be of the kind that the name says. For defaults.cc.
#ifndef BERTH_API_DEFAULTS_WORKLOAD_H_
#define BERTH_API_DEFAULTS_WORKLOAD_H_

#include "api/object.h"

namespace berth::api::internal {

void DefaultDeployment(Message& object);
void DefaultReplicaSet(Message& object);
void DefaultDaemonSet(Message& object);
void DefaultStatefulSet(Message& object);
void DefaultJob(Message& object);
void DefaultCronJob(Message& object);

}  // namespace berth::api::internal

#endif  // BERTH_API_DEFAULTS_WORKLOAD_H_
