// SPDX-License-Identifier: Apache-2.0
#include "cri/grpc_status.h"

#include <grpcpp/support/status.h>

#include <string_view>

#include "base/strings.h"

namespace berth::cri {

std::string StripRpcPrefix(std::string message) {
  constexpr std::string_view kStart = "rpc error: code = ";
  constexpr std::string_view kMiddle = " desc = ";
  while (message.starts_with(kStart)) {
    const size_t at = message.find(kMiddle);
    if (at == std::string::npos) break;
    message.erase(0, at + kMiddle.size());
  }
  return message;
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      StripRpcPrefix(status.error_message()));
}

}  // namespace berth::cri
