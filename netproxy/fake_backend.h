// SPDX-License-Identifier: Apache-2.0
// A backend for tests: holds a table as the kernel would and refuses what the kernel refuses.
#ifndef BERTH_NETPROXY_FAKE_BACKEND_H_
#define BERTH_NETPROXY_FAKE_BACKEND_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "netproxy/backend.h"

namespace berth::netproxy {

class FakeBackend : public RulesetBackend {
 public:
  absl::StatusOr<std::optional<std::vector<Element>>> Load(LayoutOptions& layout) override;
  absl::Status Replace(const LayoutOptions& layout, const std::vector<Element>& all) override;
  absl::Status Apply(const LayoutOptions& layout, const Change& change) override;
  absl::Status ForgetClients(uint32_t affinity_seconds,
                             const std::function<bool(const RememberedClient&)>& keep) override;
  absl::Status Cleanup() override;

  // The next transaction fails with this.
  void FailNext(absl::Status status) { failure_ = std::move(status); }
  std::vector<Element> elements() const;  // sorted
  bool has_table() const { return layout_.has_value(); }
  const LayoutOptions& layout() const { return *layout_; }
  int replaced() const { return replaced_; }
  const std::vector<Change>& changes() const { return changes_; }
  // A client that the rules would have remembered.
  void Remember(uint32_t seconds, RememberedClient client) {
    clients_[seconds].push_back(std::move(client));
  }
  const std::vector<RememberedClient>& clients(uint32_t seconds) { return clients_[seconds]; }

 private:
  absl::Status Insert(std::map<Element, Element>& table, const LayoutOptions& layout,
                      const Element& element) const;

  std::optional<LayoutOptions> layout_;
  std::map<Element, Element> table_;  // by place
  std::map<uint32_t, std::vector<RememberedClient>> clients_;
  std::vector<Change> changes_;
  absl::Status failure_;
  int replaced_ = 0;
};

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_FAKE_BACKEND_H_
