// SPDX-License-Identifier: Apache-2.0
// Typed calls to an API server. Objects go and come as protobuf where the server offers it, else as
// JSON. Thread-safe; every call blocks up to its timeout.
//
// The API's Status becomes an absl::Status whose message is the API's own:
//   404 NotFound            -> kNotFound           409 AlreadyExists -> kAlreadyExists
//   409 Conflict            -> kAborted            400, 422          -> kInvalidArgument
//   401 -> kUnauthenticated   403 -> kPermissionDenied   410 -> kOutOfRange
//   429 -> kResourceExhausted   405, 415 -> kUnimplemented
//   5xx and what never reached a server -> kUnavailable
#ifndef BERTH_CLIENT_API_CLIENT_H_
#define BERTH_CLIENT_API_CLIENT_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api/object.h"
#include "client/resource.h"
#include "client/transport.h"

namespace berth::client {

struct ListOptions {
  std::string label_selector;
  std::string field_selector;
  std::string resource_version;  // "" reads the latest, "0" whatever the server has at hand
  int limit = 0;                 // 0: all
  std::string continue_token;
};

enum class PatchType { kJson, kMerge, kStrategicMerge, kApply };

struct DeleteOptions {
  std::optional<int64_t> grace_period_seconds;
  std::string uid;                 // precondition; "" is none
  std::string propagation_policy;  // "" is the server's default
};

class ApiClient {
 public:
  explicit ApiClient(std::unique_ptr<Transport> transport,
                     absl::Duration timeout = absl::Seconds(30));
  ~ApiClient();

  // `out` gets the answer; it may be null where the answer is of no interest.
  absl::Status Get(const Resource& resource, std::string_view namespace_, std::string_view name,
                   api::Message& out, std::string_view resource_version = "");
  absl::Status List(const Resource& resource, std::string_view namespace_,
                    const ListOptions& options, api::Message& out_list);
  // Namespace and name come from the object's metadata.
  absl::Status Create(const Resource& resource, const api::Message& object, api::Message* out);
  absl::Status Update(const Resource& resource, const api::Message& object, api::Message* out);
  absl::Status UpdateStatus(const Resource& resource, const api::Message& object,
                            api::Message* out);
  // PUT to another subresource of the object, such as certificatesigningrequests/approval.
  absl::Status UpdateSubresource(const Resource& resource, std::string_view subresource,
                                 const api::Message& object, api::Message* out);
  // POST to a subresource: pods/binding, pods/eviction, serviceaccounts/token.
  absl::Status CreateSubresource(const Resource& resource, std::string_view namespace_,
                                 std::string_view name, std::string_view subresource,
                                 const api::Message& object, api::Message* out);
  // `patch` is JSON text. `subresource` may be "".
  absl::Status Patch(const Resource& resource, std::string_view namespace_, std::string_view name,
                     std::string_view subresource, PatchType type, std::string_view patch,
                     api::Message* out);
  absl::Status Delete(const Resource& resource, std::string_view namespace_, std::string_view name,
                      const DeleteOptions& options = {});

  Transport& transport() { return *transport_; }

 private:
  absl::Status Call(std::string_view method, std::string target, const api::Message* body,
                    std::string_view raw_body, std::string_view content_type, api::Message* out);
  absl::Status Write(std::string_view method, const Resource& resource,
                     std::string_view subresource, const api::Message& object, api::Message* out);

  const std::unique_ptr<Transport> transport_;
  const absl::Duration timeout_;
  std::atomic<bool> json_only_ = false;  // the server does not speak protobuf
};

}  // namespace berth::client

#endif  // BERTH_CLIENT_API_CLIENT_H_
