// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/grpc_health.h"

#include <grpcpp/grpcpp.h>

#include "agent/probes/health.grpc.pb.h"
#include "agent/sync/restart_backoff.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

namespace health = ::grpc::health::v1;

std::shared_ptr<grpc::Channel> Dial(const std::string& address, bool v6) {
  grpc::ChannelArguments arguments;
  arguments.SetUserAgentPrefix("kube-probe/1.35");
  // The next probe must not meet this one's connection, nor its back-off.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(base::StrCat(v6 ? "ipv6:" : "ipv4:", address),
                                   grpc::InsecureChannelCredentials(), arguments);
}

ProbeAnswer Failure(std::string message) { return {ProbeOutcome::kFailure, std::move(message)}; }

}  // namespace

ProbeAnswer CheckGrpcHealth(const std::string& ip, int port, const std::string& service,
                            absl::Duration timeout) {
  const bool v6 = ip.find(':') != std::string::npos;
  const std::string address = base::StrCat(v6 ? "[" : "", ip, v6 ? "]" : "", ":", port);
  const auto deadline = absl::ToChronoTime(absl::Now() + timeout);
  const auto channel = Dial(address, v6);
  if (!channel->WaitForConnected(deadline)) {
    return Failure(base::StrCat("timeout: failed to connect service \"", address, "\" within ",
                                FormatGoDuration(timeout), ": context deadline exceeded"));
  }
  const auto stub = health::Health::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(deadline);
  health::HealthCheckRequest request;
  request.set_service(service);
  health::HealthCheckResponse response;
  const grpc::Status status = stub->Check(&context, request, &response);
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return Failure(
        base::StrCat("error: this server does not implement the grpc health protocol "
                     "(grpc.health.v1.Health): ",
                     status.error_message()));
  }
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return Failure(
        base::StrCat("timeout: health rpc did not complete within ", FormatGoDuration(timeout)));
  }
  if (!status.ok()) {
    return Failure(base::StrCat("error: health rpc probe failed: ", status.error_message()));
  }
  if (response.status() != health::HealthCheckResponse::SERVING) {
    return Failure(base::StrCat("service unhealthy (responded with \"",
                                health::HealthCheckResponse::ServingStatus_Name(response.status()),
                                "\")"));
  }
  return {ProbeOutcome::kSuccess, "service healthy"};
}

}  // namespace berth::agent
