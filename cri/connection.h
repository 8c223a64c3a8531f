// SPDX-License-Identifier: Apache-2.0
// What a GrpcRuntime and its event source share. For the sources of this folder only.
#ifndef BERTH_CRI_CONNECTION_H_
#define BERTH_CRI_CONNECTION_H_

#include <grpcpp/grpcpp.h>

#include <memory>

#include "cri/grpc_runtime.h"
#include "cri/proto/runtime_v1.grpc.pb.h"

namespace berth::cri {

struct GrpcRuntime::Connection {
  explicit Connection(std::shared_ptr<grpc::Channel> c)
      : channel(std::move(c)),
        runtime(v1::RuntimeService::NewStub(channel)),
        image(v1::ImageService::NewStub(channel)) {}

  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::RuntimeService::Stub> runtime;
  std::unique_ptr<v1::ImageService::Stub> image;
};

}  // namespace berth::cri

#endif  // BERTH_CRI_CONNECTION_H_
