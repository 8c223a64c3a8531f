// SPDX-License-Identifier: Apache-2.0
// Keeps one IP family's table as the services want it. The caller says which services may have
// changed; what they are now is read from the directory. A transaction that fails leads to a full
// comparison with what the kernel has. Single-threaded.
#ifndef BERTH_NETPROXY_FAMILY_PROXY_H_
#define BERTH_NETPROXY_FAMILY_PROXY_H_

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "netproxy/backend.h"
#include "netproxy/endpoint_selection.h"
#include "netproxy/ruleset.h"

namespace berth::api::core::v1 {
class Service;
}

namespace berth::netproxy {

// The latest state of services and slices.
class ServiceDirectory {
 public:
  virtual ~ServiceDirectory() = default;
  virtual std::vector<std::string> ServiceKeys() const = 0;  // "namespace/name"
  virtual std::shared_ptr<const api::core::v1::Service> FindService(std::string_view key) const = 0;
  virtual Slices SlicesOf(std::string_view service_key) const = 0;
};

struct FamilyOptions {
  bool six = false;
  std::vector<IpPrefix> cluster_cidrs;  // those of other families are ignored
  std::vector<IpPrefix> service_cidrs;
  bool masquerade_all = false;
  int masquerade_bit = 14;
};

// What the node contributes.
struct NodeNetwork {
  NodeContext context;
  std::vector<IpPrefix> pod_cidrs;  // masqueraded when leaving the cluster; none: nobody is
  bool operator==(const NodeNetwork&) const = default;
};

struct SyncResult {
  bool full = false;
  size_t elements = 0;    // changed in the kernel
  int flows_deleted = 0;  // of UDP
};

class FamilyProxy {
 public:
  // Deletes stale UDP flows and says how many; kernel::DeleteFlows outside of tests.
  using FlowCleaner =
      std::function<absl::StatusOr<int>(const Ruleset&, const std::set<FrontendKey>&)>;

  FamilyProxy(FamilyOptions options, std::unique_ptr<RulesetBackend> backend, FlowCleaner cleaner);

  // Brings the table up to date. With an error nothing is lost: the next call makes up for it.
  absl::StatusOr<SyncResult> Sync(const ServiceDirectory& directory, const NodeNetwork& node,
                                  const std::set<std::string>& changed);
  // The next Sync compares with what the kernel really has.
  void RequestFullSync() { loaded_ = false; }
  // The next Sync makes the table anew: more than elements may be wrong there.
  void RequestRebuild() { loaded_ = false, rebuild_ = true; }
  absl::Status Cleanup() { return backend_->Cleanup(); }
  const Ruleset& ruleset() const { return ruleset_; }
  RulesetBackend& backend() { return *backend_; }

 private:
  void UpdateService(const ServiceDirectory& directory, const std::string& key);
  void UpdateAll(const ServiceDirectory& directory);
  absl::StatusOr<size_t> FullSync(LayoutOptions layout);
  absl::Status ForgetClients();

  const FamilyOptions options_;
  const std::unique_ptr<RulesetBackend> backend_;
  const FlowCleaner cleaner_;
  Ruleset ruleset_;
  std::optional<NodeNetwork> node_;
  LayoutOptions layout_;  // what the backend has
  bool loaded_ = false;
  bool rebuild_ = false;
  Consequences owed_;
};

// The cleaner that works on the kernel of the calling thread's namespace.
absl::StatusOr<int> DeleteStaleFlows(const Ruleset& ruleset, const std::set<FrontendKey>& frontends,
                                     bool six);

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_FAMILY_PROXY_H_
