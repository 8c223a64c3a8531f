// SPDX-License-Identifier: Apache-2.0
#include "tests/netproxy_model/packet_walk.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/strings.h"
#include "kernel/netlink_message.h"

namespace berth::tests {
namespace {

using kernel::FindAttribute;
using kernel::HostU32;
using kernel::NftHook;

constexpr uint32_t kNew = 8, kDnat = 32;  // the kernel's bits of a connection's state and status
constexpr uint32_t kUnicast = 1, kLocal = 2;

uint32_t Number(std::string_view attributes, uint16_t type) {
  const auto found = FindAttribute(attributes, type);
  return found ? found->Be32().value_or(0) : 0;
}
std::string Text(std::string_view attributes, uint16_t type) {
  const auto found = FindAttribute(attributes, type);
  return found ? std::string(found->Text()) : "";
}
std::string_view Data(std::string_view attributes, uint16_t type) {
  const auto nest = FindAttribute(attributes, type);
  const auto value = nest ? FindAttribute(nest->value, NFTA_DATA_VALUE) : std::nullopt;
  return value ? value->value : std::string_view();
}
uint16_t Port(std::string_view bytes) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[0]) << 8 |
                               static_cast<uint8_t>(bytes[1]));
}
std::string Be16(uint16_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

}  // namespace

struct PacketWalk::Walk {
  Packet packet;
  kernel::IpAddress original;
  uint16_t original_port = 0;
  uint32_t mark = 0;
  bool dnat = false;
  bool masqueraded = false;
  std::array<char, 64> registers{};

  size_t At(std::string_view attributes, uint16_t type) const {
    return 4 * (Number(attributes, type) - NFT_REG32_00);
  }
  void Put(size_t at, std::string_view value) {
    const size_t padded = (value.size() + 3) / 4 * 4;
    std::fill_n(registers.begin() + at, padded, '\0');
    std::copy(value.begin(), value.end(), registers.begin() + at);
  }
  std::string_view Get(size_t at, size_t bytes) const { return {registers.data() + at, bytes}; }
};

PacketWalk::PacketWalk(const netproxy::LayoutOptions& options, std::set<kernel::IpAddress> node,
                       std::function<uint32_t(uint32_t)> random)
    : layout_(netproxy::BuildLayout(options)),
      six_(options.family == kernel::NftFamily::kIp6),
      node_(std::move(node)),
      random_(std::move(random)) {
  for (const auto& set : layout_.sets) {
    Set& made = sets_[set.name];
    made.ranges = set.intervals;
    for (const auto type : set.key) made.key_bytes += (kernel::NftTypeLength(type) + 3) / 4 * 4;
  }
  for (const auto& chain : layout_.chains) chains_[chain.name];
  ReadRules();
}

void PacketWalk::ReadRules() {
  for (const auto& [chain, encoded] : layout_.rules) {
    Rule rule;
    std::string_view rest = encoded.encoded();
    while (const auto element = kernel::NextAttribute(rest)) {
      const auto data = FindAttribute(element->value, NFTA_EXPR_DATA);
      rule.push_back({Text(element->value, NFTA_EXPR_NAME), data ? data->value : ""});
    }
    if (rule.empty()) error_ = base::StrCat("a rule of chain ", chain, " has no expressions");
    chains_[chain].push_back(std::move(rule));
  }
}

bool PacketWalk::Apply(const netproxy::Change& change) {
  for (const auto& element : change.remove) {
    auto& set = sets_[netproxy::SetName(element.kind(), element.param())];
    if (set.elements.erase(std::string(element.key())) == 0) return false;
  }
  for (const auto& element : change.add) {
    auto& set = sets_[netproxy::SetName(element.kind(), element.param())];
    std::string data(element.data());
    if (set.ranges)
      data = std::string(element.key().substr(0, element.key().size() - data.size())) + data;
    if (!set.elements.emplace(element.key(), std::move(data)).second) return false;
  }
  return true;
}

bool PacketWalk::Find(const Set& set, std::string_view key, std::string_view& data) const {
  if (set.ranges) {
    // A key's parts lie within the range's one by one; only the last part is a range.
    const size_t fixed = key.size() - (six_ ? 16 : 4);
    return std::any_of(set.elements.begin(), set.elements.end(), [&](const auto& range) {
      return range.first.substr(0, fixed) == key.substr(0, fixed) && range.first <= key &&
             key <= range.second;
    });
  }
  const auto found = set.elements.find(key);
  if (found == set.elements.end()) return false;
  data = found->second;
  return true;
}

PacketWalk::Verdict PacketWalk::RunRule(const Rule& rule, Walk& walk) {
  Packet& packet = walk.packet;
  for (const auto& [name, a] : rule) {
    if (name == "payload") {
      const uint32_t offset = Number(a, NFTA_PAYLOAD_OFFSET);
      const bool network = Number(a, NFTA_PAYLOAD_BASE) == NFT_PAYLOAD_NETWORK_HEADER;
      const bool source = offset == (six_ ? 8U : 12U);
      if (!network && offset != 2) error_ = "a read of the transport header beside the port";
      walk.Put(walk.At(a, NFTA_PAYLOAD_DREG),
               !network ? Be16(packet.port)
                        : std::string((source ? packet.source : packet.destination).bytes()));
    } else if (name == "meta") {
      const bool mark = Number(a, NFTA_META_KEY) == NFT_META_MARK;
      if (FindAttribute(a, NFTA_META_SREG)) {
        std::memcpy(&walk.mark, walk.Get(walk.At(a, NFTA_META_SREG), 4).data(), 4);
      } else {
        walk.Put(walk.At(a, NFTA_META_DREG),
                 mark ? HostU32(walk.mark) : std::string(1, static_cast<char>(packet.protocol)));
      }
    } else if (name == "ct") {
      const size_t to = walk.At(a, NFTA_CT_DREG);
      switch (Number(a, NFTA_CT_KEY)) {
        case NFT_CT_STATE:
          walk.Put(to, HostU32(kNew));
          break;
        case NFT_CT_STATUS:
          walk.Put(to, HostU32(walk.dnat ? kDnat : 0));
          break;
        case NFT_CT_PROTO_DST:
          walk.Put(to, Be16(walk.original_port));
          break;
        default:
          walk.Put(to, walk.original.bytes());
      }
    } else if (name == "numgen") {
      walk.Put(walk.At(a, NFTA_NG_DREG), HostU32(random_(Number(a, NFTA_NG_MODULUS))));
    } else if (name == "fib") {
      walk.Put(walk.At(a, NFTA_FIB_DREG),
               HostU32(node_.contains(packet.source) ? kLocal : kUnicast));
    } else if (name == "bitwise") {
      const std::string_view mask = Data(a, NFTA_BITWISE_MASK), flip = Data(a, NFTA_BITWISE_XOR);
      const size_t at = walk.At(a, NFTA_BITWISE_SREG);
      for (size_t i = 0; i < mask.size(); ++i) {
        walk.registers[at + i] = static_cast<char>((walk.registers[at + i] & mask[i]) ^ flip[i]);
      }
    } else if (name == "cmp") {
      const std::string_view value = Data(a, NFTA_CMP_DATA);
      const bool same = walk.Get(walk.At(a, NFTA_CMP_SREG), value.size()) == value;
      if (same != (Number(a, NFTA_CMP_OP) == NFT_CMP_EQ)) return Verdict::kNext;
    } else if (name == "lookup") {
      const Set& set = sets_[Text(a, NFTA_LOOKUP_SET)];
      std::string_view data;
      const bool found = Find(set, walk.Get(walk.At(a, NFTA_LOOKUP_SREG), set.key_bytes), data);
      if (found == (Number(a, NFTA_LOOKUP_FLAGS) == NFT_LOOKUP_F_INV)) return Verdict::kNext;
      if (FindAttribute(a, NFTA_LOOKUP_DREG)) walk.Put(walk.At(a, NFTA_LOOKUP_DREG), data);
    } else if (name == "dynset") {
      Set& set = sets_[Text(a, NFTA_DYNSET_SET_NAME)];
      set.elements[std::string(walk.Get(walk.At(a, NFTA_DYNSET_SREG_KEY), set.key_bytes))] =
          std::string(walk.Get(walk.At(a, NFTA_DYNSET_SREG_DATA), six_ ? 20 : 8));
    } else if (name == "nat") {
      const size_t ip = walk.At(a, NFTA_NAT_REG_ADDR_MIN),
                   port = walk.At(a, NFTA_NAT_REG_PROTO_MIN);
      packet.destination = *kernel::IpAddress::FromBytes(walk.Get(ip, six_ ? 16 : 4));
      packet.port = Port(walk.Get(port, 2));
      walk.dnat = true;
      return Verdict::kAccept;
    } else if (name == "masq") {
      walk.masqueraded = true;
      return Verdict::kAccept;
    } else if (name == "reject") {
      return Verdict::kReject;
    } else if (name == "immediate") {
      const auto nest = FindAttribute(a, NFTA_IMMEDIATE_DATA);
      const auto verdict = nest ? FindAttribute(nest->value, NFTA_DATA_VERDICT) : std::nullopt;
      if (!verdict) {
        error_ = "an immediate value";
        return Verdict::kDrop;
      }
      switch (static_cast<int32_t>(Number(verdict->value, NFTA_VERDICT_CODE))) {
        case NF_ACCEPT:
          return Verdict::kAccept;
        case NFT_RETURN:
          return Verdict::kReturn;
        case NFT_JUMP:
          return RunChain(Text(verdict->value, NFTA_VERDICT_CHAIN), walk);
        case NFT_GOTO: {
          const Verdict there = RunChain(Text(verdict->value, NFTA_VERDICT_CHAIN), walk);
          return there == Verdict::kNext ? Verdict::kReturn : there;
        }
        default:
          return Verdict::kDrop;
      }
    } else {
      error_ = base::StrCat("expression ", name);
    }
  }
  return Verdict::kNext;
}

PacketWalk::Verdict PacketWalk::RunChain(const std::string& name, Walk& walk) {
  for (const Rule& rule : chains_[name]) {
    const Verdict verdict = RunRule(rule, walk);
    if (verdict == Verdict::kReturn) return Verdict::kNext;
    if (verdict != Verdict::kNext) return verdict;
  }
  return Verdict::kNext;
}

PacketWalk::Verdict PacketWalk::RunHook(NftHook hook, bool nat, Walk& walk) {
  std::vector<const kernel::NftChain*> chains;
  for (const auto& chain : layout_.chains) {
    if (chain.type.empty() || chain.hook != hook || (chain.type == "nat" && !nat)) continue;
    chains.push_back(&chain);
  }
  std::stable_sort(chains.begin(), chains.end(),
                   [](const auto* a, const auto* b) { return a->priority < b->priority; });
  for (const auto* chain : chains) {
    const Verdict verdict = RunChain(chain->name, walk);
    if (verdict == Verdict::kDrop || verdict == Verdict::kReject) return verdict;
  }
  return Verdict::kAccept;
}

void PacketWalk::Forget(const std::function<bool(const netproxy::RememberedClient&)>& keep) {
  const size_t ip = six_ ? 16 : 4;
  for (const auto& set : layout_.sets) {
    if (!set.dynamic) continue;
    std::erase_if(sets_[set.name].elements, [&](const auto& element) {
      const std::string_view key = element.first, data = element.second;
      netproxy::RememberedClient client;
      client.frontend = {*kernel::IpAddress::FromBytes(key.substr(0, ip)),
                         static_cast<netproxy::Protocol>(key[ip]), Port(key.substr(ip + 4))};
      client.client = *kernel::IpAddress::FromBytes(key.substr(ip + 8));
      client.endpoint = {*kernel::IpAddress::FromBytes(data.substr(0, ip)), Port(data.substr(ip))};
      return !keep(client);
    });
  }
}

Outcome PacketWalk::Send(const Packet& packet) {
  Walk walk;
  walk.packet = packet;
  walk.original = packet.destination;
  walk.original_port = packet.port;
  std::vector<std::pair<NftHook, bool>> hooks;
  Verdict verdict = RunHook(packet.from_node ? NftHook::kOutput : NftHook::kPrerouting, true, walk);
  const bool stays = node_.contains(walk.packet.destination);
  if (packet.from_node) {
    hooks = {{NftHook::kPostrouting, true}};
    // Over the loopback link it comes in again; its connection has its translation by then.
    if (stays) hooks.insert(hooks.end(), {{NftHook::kPrerouting, false}, {NftHook::kInput, true}});
  } else if (stays) {
    hooks = {{NftHook::kInput, true}};
  } else {
    hooks = {{NftHook::kForward, true}, {NftHook::kPostrouting, true}};
  }
  for (const auto& [hook, nat] : hooks) {
    if (verdict == Verdict::kAccept) verdict = RunHook(hook, nat, walk);
  }
  Outcome out{.fate = Fate::kPassed,
              .destination = walk.packet.destination,
              .port = walk.packet.port,
              .masqueraded = walk.masqueraded};
  if (verdict == Verdict::kDrop) out.fate = Fate::kDropped;
  if (verdict == Verdict::kReject) out.fate = Fate::kRejected;
  return out;
}

}  // namespace berth::tests
