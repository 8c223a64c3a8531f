// SPDX-License-Identifier: Apache-2.0
// The writes that the node does to Pods in the API. Thread-safe, blocking.
#ifndef BERTH_AGENT_STATUS_POD_API_H_
#define BERTH_AGENT_STATUS_POD_API_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace berth::api::core::v1 {
class Pod;
class PodStatus;
}  // namespace berth::api::core::v1
namespace berth::client {
class ApiClient;
}

namespace berth::agent {

struct PodRef {
  std::string namespace_;
  std::string name;
  std::string uid;
};

class PodApi {
 public:
  virtual ~PodApi() = default;
  // NotFound or Aborted: that pod is gone (another one of its name may be there).
  virtual absl::Status PatchStatus(const PodRef& pod, std::string_view patch) = 0;
  // With grace 0, and only this uid.
  virtual absl::Status Delete(const PodRef& pod) = 0;
  // Of a mirror pod; `made` is what the API made of it.
  virtual absl::Status Create(const api::core::v1::Pod& pod, api::core::v1::Pod& made) = 0;
};

class ClientPodApi : public PodApi {
 public:
  explicit ClientPodApi(client::ApiClient& api) : api_(api) {}
  absl::Status PatchStatus(const PodRef& pod, std::string_view patch) override;
  absl::Status Delete(const PodRef& pod) override;
  absl::Status Create(const api::core::v1::Pod& pod, api::core::v1::Pod& made) override;

 private:
  client::ApiClient& api_;
};

// Of a node without an API.
class NoPodApi : public PodApi {
 public:
  absl::Status PatchStatus(const PodRef& pod, std::string_view patch) override;
  absl::Status Delete(const PodRef& pod) override;
  absl::Status Create(const api::core::v1::Pod& pod, api::core::v1::Pod& made) override;
};

// The strategic merge patch that turns `before` into `after`; "" when they are the same. Other
// people's conditions are not touched.
std::string MakeStatusPatch(std::string_view uid, const api::core::v1::PodStatus& before,
                            const api::core::v1::PodStatus& after);

}  // namespace berth::agent

#endif  // BERTH_AGENT_STATUS_POD_API_H_
