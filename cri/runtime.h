// SPDX-License-Identifier: Apache-2.0
// A container runtime as the CRI (v1) describes it. GrpcRuntime talks to a real one, FakeRuntime
// keeps its state in memory. Thread-safe; every call blocks up to its timeout.
//
// Errors carry the runtime's own code and message. A call that stops or removes something that is
// gone succeeds: the CRI text asks for that and not every runtime does it. DeadlineExceeded says
// nothing about whether the runtime did the work; callers look again.
//
// The methods have one shape, so a decorator or a fake is a few lines (cri/messages.h lists them):
//   absl::Status RunPodSandbox(const v1::RunPodSandboxRequest&, v1::RunPodSandboxResponse&,
//                              absl::Duration timeout);
#ifndef BERTH_CRI_RUNTIME_H_
#define BERTH_CRI_RUNTIME_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cri/messages.h"

namespace berth::cri {

// What the kubelet allows a call by default (runtimeRequestTimeout).
inline constexpr absl::Duration kCallTimeout = absl::Minutes(2);

class Runtime {
 public:
  virtual ~Runtime() = default;

#define BERTH_CRI_METHOD(service, method)                                                    \
  virtual absl::Status method(const v1::method##Request& request, v1::method##Response& out, \
                              absl::Duration timeout) = 0;
  BERTH_CRI_CALLS(BERTH_CRI_METHOD)
#undef BERTH_CRI_METHOD
};

}  // namespace berth::cri

#endif  // BERTH_CRI_RUNTIME_H_
