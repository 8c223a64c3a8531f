// SPDX-License-Identifier: Apache-2.0
// Names of the CRI's messages for headers; sources include "cri/proto/runtime_v1.pb.h".
#ifndef BERTH_CRI_MESSAGES_H_
#define BERTH_CRI_MESSAGES_H_

// Every unary call that we make: X(service, method).
#define BERTH_CRI_CALLS(X)             \
  X(Runtime, Version)                  \
  X(Runtime, Status)                   \
  X(Runtime, RuntimeConfig)            \
  X(Runtime, UpdateRuntimeConfig)      \
  X(Runtime, RunPodSandbox)            \
  X(Runtime, StopPodSandbox)           \
  X(Runtime, RemovePodSandbox)         \
  X(Runtime, PodSandboxStatus)         \
  X(Runtime, ListPodSandbox)           \
  X(Runtime, CreateContainer)          \
  X(Runtime, StartContainer)           \
  X(Runtime, StopContainer)            \
  X(Runtime, RemoveContainer)          \
  X(Runtime, ListContainers)           \
  X(Runtime, ContainerStatus)          \
  X(Runtime, UpdateContainerResources) \
  X(Runtime, ReopenContainerLog)       \
  X(Runtime, ExecSync)                 \
  X(Runtime, Exec)                     \
  X(Runtime, Attach)                   \
  X(Runtime, PortForward)              \
  X(Runtime, ListContainerStats)       \
  X(Image, ListImages)                 \
  X(Image, ImageStatus)                \
  X(Image, PullImage)                  \
  X(Image, RemoveImage)                \
  X(Image, ImageFsInfo)

namespace runtime::v1 {
#define BERTH_CRI_DECLARE(service, method) \
  class method##Request;                   \
  class method##Response;
BERTH_CRI_CALLS(BERTH_CRI_DECLARE)
#undef BERTH_CRI_DECLARE
class ContainerConfig;
class ContainerStatus;
class ContainerEventResponse;
class LinuxContainerResources;
class PodSandboxConfig;
class PodSandboxStatus;
}  // namespace runtime::v1

namespace berth::cri {
namespace v1 = ::runtime::v1;
}

#endif  // BERTH_CRI_MESSAGES_H_
