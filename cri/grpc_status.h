// SPDX-License-Identifier: Apache-2.0
#ifndef BERTH_CRI_GRPC_STATUS_H_
#define BERTH_CRI_GRPC_STATUS_H_

#include <string>

#include "absl/status/status.h"

namespace grpc {
class Status;
}

namespace berth::cri {

// The codes are the same numbers; the prefixes that Go servers put before their own text go away.
absl::Status FromGrpc(const grpc::Status& status);
// "rpc error: code = Unknown desc = failed to ..." -> "failed to ...", as often as it is there.
std::string StripRpcPrefix(std::string message);

}  // namespace berth::cri

#endif  // BERTH_CRI_GRPC_STATUS_H_
