// SPDX-License-Identifier: Apache-2.0
// The rules of pods and of their parts. For validation*.cc.
#ifndef BERTH_API_VALIDATION_POD_H_
#define BERTH_API_VALIDATION_POD_H_

#include <set>
#include <string>

#include "api/validation_findings.h"

namespace berth::api {

class IntOrString;

namespace core::v1 {
class Container;
class EphemeralContainerCommon;
class Pod;
class PodSpec;
class PodTemplateSpec;
class Probe;
class Lifecycle;
class ResourceRequirements;
class Toleration;
}  // namespace core::v1

namespace internal {

enum class PodPlace { kPod, kTemplate };

void CheckPodSpec(const core::v1::PodSpec& spec, PodPlace place, const Path& path,
                  Findings& findings);
void CheckPodTemplate(const core::v1::PodTemplateSpec& pod, const Path& path, Findings& findings);
void CheckPodUpdate(const core::v1::Pod& pod, const core::v1::Pod& old, Findings& findings);
void CheckEphemeralContainersUpdate(const core::v1::Pod& pod, const core::v1::Pod& old,
                                    Findings& findings);

// What containers of one pod share while they are checked.
struct PodNames {
  std::set<std::string> volumes;
  std::set<std::string> containers;
  std::set<std::string> host_ports;  // "TCP/ip/port"
};

// Checks every volume and fills names.volumes.
void CheckVolumes(const core::v1::PodSpec& spec, const Path& path, PodNames& names,
                  Findings& findings);
void CheckContainer(const core::v1::Container& container, const Path& path, PodNames& names,
                    Findings& findings);
void CheckInitContainer(const core::v1::Container& container, const Path& path, PodNames& names,
                        Findings& findings);
void CheckEphemeralContainer(const core::v1::EphemeralContainerCommon& container, const Path& path,
                             PodNames& names, Findings& findings);

enum class ProbeKind { kLiveness, kReadiness, kStartup };
void CheckProbe(const core::v1::Probe& probe, ProbeKind kind, const Path& path, Findings& findings);
void CheckLifecycle(const core::v1::Lifecycle& lifecycle, const Path& path, Findings& findings);
void CheckResources(const core::v1::ResourceRequirements& resources, const Path& path,
                    Findings& findings);
void CheckScheduling(const core::v1::PodSpec& spec, const Path& path, Findings& findings);
// A port by number or name.
void CheckPortReference(const IntOrString& port, const Path& path, Findings& findings);

}  // namespace internal
}  // namespace berth::api

#endif  // BERTH_API_VALIDATION_POD_H_
