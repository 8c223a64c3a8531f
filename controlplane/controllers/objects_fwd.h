// SPDX-License-Identifier: Apache-2.0
// The API types that controllers name in their headers, without their heavy generated code.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_OBJECTS_FWD_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_OBJECTS_FWD_H_

#include <memory>

namespace berth::api {
class IntOrString;
class Time;
namespace meta::v1 {
class LabelSelector;
class ObjectMeta;
class OwnerReference;
}  // namespace meta::v1
namespace core::v1 {
class ConfigMap;
class Endpoints;
class Namespace;
class Node;
class Pod;
class PodCondition;
class PodTemplateSpec;
class Secret;
class Service;
class ServiceAccount;
class Taint;
class Toleration;
}  // namespace core::v1
namespace apps::v1 {
class ControllerRevision;
class DaemonSet;
class DaemonSetStatus;
class Deployment;
class DeploymentCondition;
class DeploymentStatus;
class ReplicaSet;
class ReplicaSetStatus;
}  // namespace apps::v1
namespace policy::v1 {
class PodDisruptionBudget;
class PodDisruptionBudgetStatus;
}  // namespace policy::v1
namespace batch::v1 {
class CronJob;
class Job;
class JobStatus;
}  // namespace batch::v1
namespace certificates::v1 {
class CertificateSigningRequest;
}  // namespace certificates::v1
namespace coordination::v1 {
class Lease;
}  // namespace coordination::v1
namespace discovery::v1 {
class Endpoint;
class EndpointPort;
class EndpointSlice;
}  // namespace discovery::v1
}  // namespace berth::api

namespace berth::controlplane {

using PodPtr = std::shared_ptr<const api::core::v1::Pod>;
using NodePtr = std::shared_ptr<const api::core::v1::Node>;
using ReplicaSetPtr = std::shared_ptr<const api::apps::v1::ReplicaSet>;

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_OBJECTS_FWD_H_
