// SPDX-License-Identifier: Apache-2.0
// An API server's refusal as an absl::Status; client/api_client.h has the table.
#ifndef BERTH_CLIENT_API_ERROR_H_
#define BERTH_CLIENT_API_ERROR_H_

#include <string_view>

#include "absl/status/status.h"

namespace berth::api::meta::v1 {
class Status;
}

namespace berth::client {

// `status` must be a failure.
absl::Status ErrorFrom(const api::meta::v1::Status& status);
// For an answer with a code of 400 or more. A body that is no Status is the message as it is.
absl::Status ErrorFrom(int code, std::string_view content_type, std::string_view body);
bool IsProtobuf(std::string_view content_type);

}  // namespace berth::client

#endif  // BERTH_CLIENT_API_ERROR_H_
