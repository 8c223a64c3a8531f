// SPDX-License-Identifier: Apache-2.0
#include "client/api_error.h"

#include "api/codec.h"
#include "api/proto/meta/v1/api_machinery.pb.h"
#include "base/status.h"

namespace berth::client {
namespace {

absl::StatusCode CodeOf(int code, std::string_view reason) {
  switch (code) {
    case 400:
    case 413:
    case 422:
      return absl::StatusCode::kInvalidArgument;
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kNotFound;
    case 405:
    case 406:
    case 415:
      return absl::StatusCode::kUnimplemented;
    case 409:
      return reason == "AlreadyExists" ? absl::StatusCode::kAlreadyExists
                                       : absl::StatusCode::kAborted;
    case 410:
      return absl::StatusCode::kOutOfRange;
    case 429:
      return absl::StatusCode::kResourceExhausted;
    default:
      return code >= 400 && code < 500 ? absl::StatusCode::kInvalidArgument
                                       : absl::StatusCode::kUnavailable;
  }
}

}  // namespace

bool IsProtobuf(std::string_view content_type) {
  return content_type.starts_with("application/vnd.kubernetes.protobuf");
}

absl::Status ErrorFrom(const api::meta::v1::Status& status) {
  return base::MakeStatus(CodeOf(status.code(), status.reason()), status.message());
}

absl::Status ErrorFrom(int code, std::string_view content_type, std::string_view body) {
  api::meta::v1::Status status;
  absl::Status decoded;
  if (IsProtobuf(content_type)) {
    decoded = api::DecodeProto(body, status);
  } else if (content_type.starts_with("application/json")) {
    decoded = api::DecodeJson(body, status);
  }
  if (decoded.ok() && !status.message().empty()) {
    if (status.code() == 0) status.set_code(code);
    return ErrorFrom(status);
  }
  const std::string_view text = base::Trim(body.substr(0, 1024));
  if (text.empty() || IsProtobuf(content_type)) {
    return base::MakeStatus(CodeOf(code, ""), "the server answered ", code);
  }
  return base::MakeStatus(CodeOf(code, ""), text);
}

}  // namespace berth::client
