// SPDX-License-Identifier: Apache-2.0
// Where a ruleset of one IP family lives: the kernel, or a fake with the same semantics in tests.
// Single-threaded; calls may block for the length of a transaction.
#ifndef BERTH_NETPROXY_BACKEND_H_
#define BERTH_NETPROXY_BACKEND_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "netproxy/affinity.h"
#include "netproxy/element.h"
#include "netproxy/frontend.h"
#include "netproxy/layout.h"

namespace berth::netproxy {

// Somebody else's change to the table of one family.
struct ForeignEdit {
  bool six = false;
  bool structure = false;  // more than elements
  std::string by;
};

class RulesetBackend {
 public:
  virtual ~RulesetBackend() = default;

  // What an earlier process left, if its fixed part is what `layout` wants; affinity timeouts that
  // are there already are added to `layout`. Nothing: there is no table that could be kept.
  virtual absl::StatusOr<std::optional<std::vector<Element>>> Load(LayoutOptions& layout) = 0;
  // Makes the table anew with these elements; whatever was there, and the table of a kube-proxy
  // before us, goes in the same transaction.
  virtual absl::Status Replace(const LayoutOptions& layout, const std::vector<Element>& all) = 0;
  // Changes elements, and the fixed part where `layout` differs from the last one (affinity
  // timeouts only get more). All or nothing.
  virtual absl::Status Apply(const LayoutOptions& layout, const Change& change) = 0;
  // Forgets the clients with this timeout that `keep` refuses.
  virtual absl::Status ForgetClients(uint32_t affinity_seconds,
                                     const std::function<bool(const RememberedClient&)>& keep) = 0;
  // Deletes the table. Not an error when there is none.
  virtual absl::Status Cleanup() = 0;
};

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_BACKEND_H_
