// SPDX-License-Identifier: Apache-2.0
// Labels and annotations on sandboxes and containers: the kubelet's, so that either daemon can take
// over the other's pods and tools that read them keep working.
#ifndef BERTH_AGENT_SYNC_NAMES_H_
#define BERTH_AGENT_SYNC_NAMES_H_

namespace berth::agent {

inline constexpr char kLabelPodName[] = "io.kubernetes.pod.name";
inline constexpr char kLabelPodNamespace[] = "io.kubernetes.pod.namespace";
inline constexpr char kLabelPodUid[] = "io.kubernetes.pod.uid";
inline constexpr char kLabelContainerName[] = "io.kubernetes.container.name";

inline constexpr char kAnnotationHash[] = "io.kubernetes.container.hash";
inline constexpr char kAnnotationRestartCount[] = "io.kubernetes.container.restartCount";
inline constexpr char kAnnotationMessagePath[] = "io.kubernetes.container.terminationMessagePath";
inline constexpr char kAnnotationMessagePolicy[] =
    "io.kubernetes.container.terminationMessagePolicy";
inline constexpr char kAnnotationPreStop[] = "io.kubernetes.container.preStopHandler";
inline constexpr char kAnnotationPorts[] = "io.kubernetes.container.ports";
inline constexpr char kAnnotationPodGrace[] = "io.kubernetes.pod.terminationGracePeriod";
inline constexpr char kAnnotationPodDeletionGrace[] = "io.kubernetes.pod.deletionGracePeriod";

}  // namespace berth::agent

#endif  // BERTH_AGENT_SYNC_NAMES_H_
