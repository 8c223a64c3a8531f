// SPDX-License-Identifier: Apache-2.0
#include "cri/grpc_runtime.h"

#include <grpcpp/resource_quota.h>

#include <chrono>
#include <string>

#include "base/status.h"
#include "base/strings.h"
#include "cri/connection.h"
#include "cri/grpc_status.h"

namespace berth::cri {
namespace {

constexpr int kMaxMessage = 16 * 1024 * 1024;  // what the kubelet allows

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target) {
  grpc::ResourceQuota quota("cri");
  quota.SetMaxThreads(4);
  quota.Resize(64 * 1024 * 1024);
  grpc::ChannelArguments args;
  args.SetResourceQuota(quota);
  args.SetMaxReceiveMessageSize(kMaxMessage);
  args.SetMaxSendMessageSize(kMaxMessage);
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // a local socket: measuring bandwidth is only wake-ups
  args.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), args);
}

template <class Stub, class Request, class Response>
absl::Status Call(Stub& stub,
                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                  const Request& request, Response& out, absl::Duration timeout) {
  grpc::ClientContext context;
  if (timeout != absl::InfiniteDuration()) {
    context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMicroseconds(timeout));
  }
  return FromGrpc((stub.*method)(&context, request, &out));
}

// Calls whose purpose is met when the object is gone.
template <class Request>
constexpr bool kGoneIsDone = std::is_same_v<Request, v1::StopPodSandboxRequest> ||
                             std::is_same_v<Request, v1::RemovePodSandboxRequest> ||
                             std::is_same_v<Request, v1::StopContainerRequest> ||
                             std::is_same_v<Request, v1::RemoveContainerRequest> ||
                             std::is_same_v<Request, v1::RemoveImageRequest>;

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcRuntime>> GrpcRuntime::Make(std::string_view endpoint) {
  std::string_view path = endpoint;
  if (path.starts_with("unix://")) path.remove_prefix(7);
  if (!path.starts_with("/")) {
    return base::InvalidArgument("container runtime endpoint \"", endpoint,
                                 "\": want unix:///path/of/socket");
  }
  return std::unique_ptr<GrpcRuntime>(
      new GrpcRuntime(std::make_unique<Connection>(MakeChannel(base::StrCat("unix:", path)))));
}

GrpcRuntime::GrpcRuntime(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}
GrpcRuntime::~GrpcRuntime() = default;

#define BERTH_CRI_STUB_Runtime runtime
#define BERTH_CRI_STUB_Image image
#define BERTH_CRI_METHOD(service, method)                                                         \
  absl::Status GrpcRuntime::method(const v1::method##Request& request, v1::method##Response& out, \
                                   absl::Duration timeout) {                                      \
    absl::Status status = Call(*connection_->BERTH_CRI_STUB_##service,                            \
                               &v1::service##Service::Stub::method, request, out, timeout);       \
    if (kGoneIsDone<v1::method##Request> && absl::IsNotFound(status)) return absl::OkStatus();    \
    return status;                                                                                \
  }
BERTH_CRI_CALLS(BERTH_CRI_METHOD)
#undef BERTH_CRI_METHOD

}  // namespace berth::cri
