// SPDX-License-Identifier: Apache-2.0
// The proxy's rules without a kernel: reads the same bytes that the kernel gets and answers where
// the first packet of a connection goes. It knows the expressions of kernel/nft_rule.h and no
// others.
#ifndef BERTH_TESTS_NETPROXY_MODEL_PACKET_WALK_H_
#define BERTH_TESTS_NETPROXY_MODEL_PACKET_WALK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/ip_address.h"
#include "netproxy/affinity.h"
#include "netproxy/layout.h"

namespace berth::tests {

struct Packet {
  kernel::IpAddress source;
  kernel::IpAddress destination;
  uint8_t protocol = 6;
  uint16_t port = 0;
  bool from_node = false;  // made by a process of the node; else it comes in over a link
};

enum class Fate { kPassed, kDropped, kRejected };

struct Outcome {
  Fate fate = Fate::kPassed;
  kernel::IpAddress destination;  // where it went in the end
  uint16_t port = 0;
  bool masqueraded = false;
};

class PacketWalk {
 public:
  // `random`: below its argument. `node`: the node's own addresses.
  PacketWalk(const netproxy::LayoutOptions& options, std::set<kernel::IpAddress> node,
             std::function<uint32_t(uint32_t)> random);

  // As the kernel: what goes must be there, what comes must not. False otherwise, and nothing is
  // sure any more.
  bool Apply(const netproxy::Change& change);
  Outcome Send(const Packet& packet);
  // Clients that `keep` refuses are forgotten.
  void Forget(const std::function<bool(const netproxy::RememberedClient&)>& keep);
  // Of a rule that could not be read; "" when all could.
  const std::string& error() const { return error_; }

 private:
  enum class Verdict { kNext, kAccept, kDrop, kReject, kReturn };
  struct Expression {
    std::string name;
    std::string_view attributes;
  };
  using Rule = std::vector<Expression>;
  struct Set {
    size_t key_bytes = 0;
    bool ranges = false;
    std::map<std::string, std::string, std::less<>> elements;  // key to data, or a range's end
  };
  struct Walk;  // one packet's

  void ReadRules();
  Verdict RunHook(kernel::NftHook hook, bool nat, Walk& walk);
  Verdict RunChain(const std::string& name, Walk& walk);
  Verdict RunRule(const Rule& rule, Walk& walk);
  bool Find(const Set& set, std::string_view key, std::string_view& data) const;

  const netproxy::Layout layout_;
  const bool six_;
  const std::set<kernel::IpAddress> node_;
  const std::function<uint32_t(uint32_t)> random_;
  std::map<std::string, std::vector<Rule>, std::less<>> chains_;
  std::map<std::string, Set, std::less<>> sets_;
  std::string error_;
};

}  // namespace berth::tests

#endif  // BERTH_TESTS_NETPROXY_MODEL_PACKET_WALK_H_
