// SPDX-License-Identifier: Apache-2.0
// The CRI over gRPC on a unix socket: one channel for every call and for the event stream.
#ifndef BERTH_CRI_GRPC_RUNTIME_H_
#define BERTH_CRI_GRPC_RUNTIME_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/executor.h"
#include "cri/event_stream.h"
#include "cri/runtime.h"

namespace berth::cri {

class GrpcRuntime : public Runtime {
 public:
  // `endpoint` is "unix:///run/containerd/containerd.sock" or an absolute path. Nothing is dialled
  // until the first call; a runtime that goes away and comes back is found again within a second.
  // InvalidArgument when the endpoint is neither.
  static absl::StatusOr<std::unique_ptr<GrpcRuntime>> Make(std::string_view endpoint);
  ~GrpcRuntime() override;

#define BERTH_CRI_METHOD(service, method)                                            \
  absl::Status method(const v1::method##Request& request, v1::method##Response& out, \
                      absl::Duration timeout) override;
  BERTH_CRI_CALLS(BERTH_CRI_METHOD)
#undef BERTH_CRI_METHOD

  // Takes one thread of `executor` while it runs. GetContainerEvents where the runtime has it, else
  // containerd's own event service. The runtime outlives the source.
  std::unique_ptr<EventSource> MakeEventSource(base::Executor& executor, base::Clock& clock);

 private:
  struct Connection;
  explicit GrpcRuntime(std::unique_ptr<Connection> connection);

  std::unique_ptr<Connection> connection_;
  friend class GrpcEventSource;
};

}  // namespace berth::cri

#endif  // BERTH_CRI_GRPC_RUNTIME_H_
