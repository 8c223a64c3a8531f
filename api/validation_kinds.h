// SPDX-License-Identifier: Apache-2.0
// One rule set per kind; the object must be of that kind. Metadata is not among them. For
// validation*.cc.
#ifndef BERTH_API_VALIDATION_KINDS_H_
#define BERTH_API_VALIDATION_KINDS_H_

#include "api/validation_findings.h"

namespace berth::api::internal {

void CheckService(const Message& object, Findings& findings);
void CheckServiceUpdate(const Message& object, const Message& old, Findings& findings);
void CheckEndpoints(const Message& object, Findings& findings);
void CheckEndpointSlice(const Message& object, Findings& findings);
void CheckEndpointSliceUpdate(const Message& object, const Message& old, Findings& findings);

void CheckDeployment(const Message& object, Findings& findings);
void CheckDeploymentUpdate(const Message& object, const Message& old, Findings& findings);
void CheckReplicaSet(const Message& object, Findings& findings);
void CheckReplicaSetUpdate(const Message& object, const Message& old, Findings& findings);
void CheckDaemonSet(const Message& object, Findings& findings);
void CheckDaemonSetUpdate(const Message& object, const Message& old, Findings& findings);
void CheckStatefulSet(const Message& object, Findings& findings);
void CheckStatefulSetUpdate(const Message& object, const Message& old, Findings& findings);
void CheckJob(const Message& object, Findings& findings);
void CheckJobUpdate(const Message& object, const Message& old, Findings& findings);
void CheckPodDisruptionBudget(const Message& object, Findings& findings);

void CheckConfigMap(const Message& object, Findings& findings);
void CheckConfigMapUpdate(const Message& object, const Message& old, Findings& findings);
void CheckSecret(const Message& object, Findings& findings);
void CheckSecretUpdate(const Message& object, const Message& old, Findings& findings);
void CheckNamespace(const Message& object, Findings& findings);

void CheckNode(const Message& object, Findings& findings);
void CheckNodeUpdate(const Message& object, const Message& old, Findings& findings);
void CheckEvent(const Message& object, Findings& findings);
void CheckLease(const Message& object, Findings& findings);
void CheckSigningRequest(const Message& object, Findings& findings);
void CheckSigningRequestUpdate(const Message& object, const Message& old, Findings& findings);
void CheckBinding(const Message& object, Findings& findings);

}  // namespace berth::api::internal

#endif  // BERTH_API_VALIDATION_KINDS_H_
