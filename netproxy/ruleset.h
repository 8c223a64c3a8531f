// SPDX-License-Identifier: Apache-2.0
// The desired state of one family's table, kept as frontends per service. A service's update costs
// what that service has, and gives the elements that must change. When two services claim one
// frontend, the one whose name sorts first has it. Pure bookkeeping; single-threaded.
#ifndef BERTH_NETPROXY_RULESET_H_
#define BERTH_NETPROXY_RULESET_H_

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/strings.h"
#include "netproxy/element.h"
#include "netproxy/frontend.h"

namespace berth::netproxy {

// What the caller should do besides the change of elements.
struct Consequences {
  std::set<FrontendKey> udp;       // whose stale flows should be looked for
  std::set<FrontendKey> affinity;  // whose remembered clients should be looked through
};

class Ruleset {
 public:
  // The service's frontends from now on; none when it is gone. Of several with one key the first
  // counts.
  void Update(std::string_view service, std::vector<Frontend> frontends);

  // What has changed since the last call, net of what changed back.
  Change TakeChange(Consequences& consequences);
  // Whether changes are kept for TakeChange. Off while a comparison of everything is due anyway,
  // which saves the memory of a cold start's worth of changes.
  void TrackChanges(bool track);
  // Every element there should be, sorted.
  std::vector<Element> All() const;

  // The frontend as it is in force; nullptr when there is none.
  const Frontend* Find(const FrontendKey& key) const;
  // Timeouts that frontends in force ask for.
  std::set<uint32_t> AffinitySeconds() const;
  size_t services() const { return services_.size(); }
  std::vector<std::string> ServiceNames() const;

 private:
  struct Claim {
    std::string service;
    Frontend frontend;
  };
  using Claims = std::vector<Claim>;  // sorted by service; the first has it

  void Switch(const Frontend* before, const Frontend* after);
  void TouchOwn(const Frontend* before, const Frontend* after);
  void Share(const Element& element, int by);
  void Touch(const Element& element, bool there_before, bool there_after);

  base::StringMap<std::vector<FrontendKey>> services_;
  absl::flat_hash_map<FrontendKey, Claims> claims_;
  absl::flat_hash_map<Element, int> shared_;
  std::map<uint32_t, int> affinity_;  // frontends in force by timeout

  struct Pending {
    std::optional<Element> before;
    std::optional<Element> after;
  };
  absl::flat_hash_map<Element, Pending> pending_;  // by place
  bool track_ = true;
  Consequences consequences_;
};

// The change from what is there to what should be; both sorted.
Change Difference(const std::vector<Element>& present, const std::vector<Element>& wanted);

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_RULESET_H_
