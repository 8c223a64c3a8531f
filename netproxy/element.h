// SPDX-License-Identifier: Apache-2.0
// What the proxy puts into the kernel, as values: elements of sets and maps, and the change that
// leads from one collection of them to another.
#ifndef BERTH_NETPROXY_ELEMENT_H_
#define BERTH_NETPROXY_ELEMENT_H_

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <string_view>
#include <vector>

namespace berth::netproxy {

// The sets and maps of a table. "key" is a frontend's address . protocol . port.
enum class SetKind : uint8_t {
  kClass,             // keys of the services whose number of endpoints falls in class `param`
  kLocalClass,        // the same for endpoints on this node (externalTrafficPolicy: Local)
  kEndpoints,         // key . slot -> endpoint address . port
  kLocalEndpoints,    //
  kClusterIps,        // addresses
  kExternalIps,       // addresses: load balancer, external and node
  kExternalCluster,   // keys that any node answers for: masqueraded
  kExternalLocal,     // keys that keep the client's address
  kNoEndpoints,       // keys to reject
  kNoLocalEndpoints,  // keys to drop: endpoints exist, but none where the policy wants them
  kHairpin,           // address . address of the endpoints on this node
  kFirewall,          // keys with loadBalancerSourceRanges
  kFirewallSources,   // key . range of source addresses
  kAffinityServices,  // keys with session affinity of `param` seconds
};

// One element, in the kernel's layout, without allocations.
class Element {
 public:
  Element() = default;
  Element(SetKind kind, uint32_t param, std::string_view key, std::string_view data = {})
      : param_(param),
        kind_(kind),
        key_length_(static_cast<uint8_t>(key.size())),
        data_length_(static_cast<uint8_t>(data.size())) {
    std::copy(key.begin(), key.end(), bytes_.begin());
    std::copy(data.begin(), data.end(), bytes_.begin() + key.size());
  }

  SetKind kind() const { return kind_; }
  uint32_t param() const { return param_; }
  std::string_view key() const { return {bytes_.data(), key_length_}; }
  // A map's value; for kFirewallSources the last address of the range.
  std::string_view data() const { return {bytes_.data() + key_length_, data_length_}; }
  // The same place: set and key.
  Element Place() const { return Element(kind_, param_, key()); }

  auto operator<=>(const Element&) const = default;
  template <class H>
  friend H AbslHashValue(H h, const Element& e) {
    return H::combine(std::move(h), e.kind_, e.param_, e.key(), e.data());
  }

  static constexpr size_t kMaxBytes = 60;  // an IPv6 key with a source address, and its range's end

 private:
  uint32_t param_ = 0;
  SetKind kind_ = SetKind::kClass;
  uint8_t key_length_ = 0;
  uint8_t data_length_ = 0;
  std::array<char, kMaxBytes> bytes_{};
};

// Applied together: removals first, then additions; both in the order of their sets.
struct Change {
  std::vector<Element> remove;
  std::vector<Element> add;
  bool empty() const { return remove.empty() && add.empty(); }
  size_t size() const { return remove.size() + add.size(); }
};

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_ELEMENT_H_
