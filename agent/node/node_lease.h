// SPDX-License-Identifier: Apache-2.0
// The node's Lease in kube-node-lease. Single-threaded: the node agent's lease key calls it.
#ifndef BERTH_AGENT_NODE_NODE_LEASE_H_
#define BERTH_AGENT_NODE_NODE_LEASE_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace berth::api::coordination::v1 {
class Lease;
}
namespace berth::client {
class ApiClient;
}

namespace berth::agent {

class NodeLease {
 public:
  NodeLease(client::ApiClient& api, std::string node_name, int duration_seconds);
  ~NodeLease();

  // Creates the lease or moves its renewTime to `now`. `node_uid` makes the Node its owner; "" when
  // it is not known yet.
  absl::Status Renew(std::string_view node_uid, absl::Time now);

 private:
  absl::Status Create(std::string_view node_uid, absl::Time now);
  void Fill(std::string_view node_uid, absl::Time now);

  client::ApiClient& api_;
  const std::string node_name_;
  const int duration_seconds_;
  std::unique_ptr<api::coordination::v1::Lease> lease_;  // as the API last gave it
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_NODE_NODE_LEASE_H_
