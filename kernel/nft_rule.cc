// SPDX-License-Identifier: Apache-2.0
#include "kernel/nft_rule.h"

#include <netinet/in.h>
// The kernel's headers come after the C library's.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>

#include "base/strings.h"

namespace berth::kernel {
namespace {

// One expression: an element of the rule's list, with a name and attributes of its own.
class Expression {
 public:
  Expression(NetlinkBuffer& out, std::string_view name) : out_(out) {
    element_ = out_.BeginNest(NFTA_LIST_ELEM);
    out_.PutString(NFTA_EXPR_NAME, name);
    data_ = out_.BeginNest(NFTA_EXPR_DATA);
  }
  ~Expression() {
    out_.EndNest(data_);
    out_.EndNest(element_);
  }
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;

  void U32(uint16_t attribute, uint32_t value) { out_.PutBe32(attribute, value); }
  void Register(uint16_t attribute, int reg) {
    out_.PutBe32(attribute, static_cast<uint32_t>(NFT_REG32_00 + reg));
  }
  void Text(uint16_t attribute, std::string_view value) { out_.PutString(attribute, value); }
  void Value(uint16_t attribute, std::string_view value) {
    const size_t nest = out_.BeginNest(attribute);
    out_.Put(NFTA_DATA_VALUE, value);
    out_.EndNest(nest);
  }

 private:
  NetlinkBuffer& out_;
  size_t element_;
  size_t data_;
};

int32_t VerdictCode(NftVerdict verdict) {
  switch (verdict) {
    case NftVerdict::kAccept:
      return NF_ACCEPT;
    case NftVerdict::kDrop:
      return NF_DROP;
    case NftVerdict::kReturn:
      return NFT_RETURN;
    case NftVerdict::kJump:
      return NFT_JUMP;
    case NftVerdict::kGoto:
      return NFT_GOTO;
  }
  return NF_DROP;
}

}  // namespace

std::string HostU32(uint32_t value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

void PutNftVerdict(NetlinkBuffer& out, uint16_t attribute, NftVerdict verdict,
                   std::string_view chain) {
  const size_t data = out.BeginNest(attribute);
  const size_t nest = out.BeginNest(NFTA_DATA_VERDICT);
  out.PutBe32(NFTA_VERDICT_CODE, static_cast<uint32_t>(VerdictCode(verdict)));
  if (!chain.empty()) out.PutString(NFTA_VERDICT_CHAIN, chain);
  out.EndNest(nest);
  out.EndNest(data);
}

NftRule& NftRule::Payload(NftBase base, uint32_t offset, uint32_t length, int to) {
  Expression e(buffer_, "payload");
  e.Register(NFTA_PAYLOAD_DREG, to);
  const auto header = base == NftBase::kLink      ? NFT_PAYLOAD_LL_HEADER
                      : base == NftBase::kNetwork ? NFT_PAYLOAD_NETWORK_HEADER
                                                  : NFT_PAYLOAD_TRANSPORT_HEADER;
  e.U32(NFTA_PAYLOAD_BASE, header);
  e.U32(NFTA_PAYLOAD_OFFSET, offset);
  e.U32(NFTA_PAYLOAD_LEN, length);
  return *this;
}

NftRule& NftRule::L4Proto(int to) {
  Expression e(buffer_, "meta");
  e.Register(NFTA_META_DREG, to);
  e.U32(NFTA_META_KEY, NFT_META_L4PROTO);
  return *this;
}

NftRule& NftRule::Mark(int to) {
  Expression e(buffer_, "meta");
  e.Register(NFTA_META_DREG, to);
  e.U32(NFTA_META_KEY, NFT_META_MARK);
  return *this;
}

NftRule& NftRule::SetMark(int from) {
  Expression e(buffer_, "meta");
  e.U32(NFTA_META_KEY, NFT_META_MARK);
  e.Register(NFTA_META_SREG, from);
  return *this;
}

NftRule& NftRule::CtState(int to) {
  Expression e(buffer_, "ct");
  e.Register(NFTA_CT_DREG, to);
  e.U32(NFTA_CT_KEY, NFT_CT_STATE);
  return *this;
}

NftRule& NftRule::CtStatus(int to) {
  Expression e(buffer_, "ct");
  e.Register(NFTA_CT_DREG, to);
  e.U32(NFTA_CT_KEY, NFT_CT_STATUS);
  return *this;
}

NftRule& NftRule::CtOriginalDestination(NftFamily family, int to) {
  Expression e(buffer_, "ct");
  e.Register(NFTA_CT_DREG, to);
  e.U32(NFTA_CT_KEY, family == NftFamily::kIp6 ? NFT_CT_DST_IP6 : NFT_CT_DST_IP);
  buffer_.PutU8(NFTA_CT_DIRECTION, 0);
  return *this;
}

NftRule& NftRule::CtOriginalPort(int to) {
  Expression e(buffer_, "ct");
  e.Register(NFTA_CT_DREG, to);
  e.U32(NFTA_CT_KEY, NFT_CT_PROTO_DST);
  buffer_.PutU8(NFTA_CT_DIRECTION, 0);
  return *this;
}

NftRule& NftRule::Random(uint32_t modulus, int to) {
  Expression e(buffer_, "numgen");
  e.Register(NFTA_NG_DREG, to);
  e.U32(NFTA_NG_MODULUS, modulus);
  e.U32(NFTA_NG_TYPE, NFT_NG_RANDOM);
  e.U32(NFTA_NG_OFFSET, 0);
  return *this;
}

NftRule& NftRule::Immediate(std::string_view value, int to) {
  Expression e(buffer_, "immediate");
  e.Register(NFTA_IMMEDIATE_DREG, to);
  e.Value(NFTA_IMMEDIATE_DATA, value);
  return *this;
}

NftRule& NftRule::FibAddressType(bool of_source, int to) {
  Expression e(buffer_, "fib");
  e.Register(NFTA_FIB_DREG, to);
  e.U32(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
  e.U32(NFTA_FIB_FLAGS, of_source ? NFTA_FIB_F_SADDR : NFTA_FIB_F_DADDR);
  return *this;
}

NftRule& NftRule::Bitwise(int reg, std::string_view mask, std::string_view flip) {
  Expression e(buffer_, "bitwise");
  e.Register(NFTA_BITWISE_SREG, reg);
  e.Register(NFTA_BITWISE_DREG, reg);
  e.U32(NFTA_BITWISE_LEN, static_cast<uint32_t>(mask.size()));
  e.Value(NFTA_BITWISE_MASK, mask);
  e.Value(NFTA_BITWISE_XOR, flip);
  return *this;
}

NftRule& NftRule::Compare(int reg, NftCompare how, std::string_view value) {
  Expression e(buffer_, "cmp");
  e.Register(NFTA_CMP_SREG, reg);
  e.U32(NFTA_CMP_OP, how == NftCompare::kEqual ? NFT_CMP_EQ : NFT_CMP_NEQ);
  e.Value(NFTA_CMP_DATA, value);
  return *this;
}

NftRule& NftRule::Lookup(std::string_view set, int key, bool inverted) {
  Expression e(buffer_, "lookup");
  e.Text(NFTA_LOOKUP_SET, set);
  e.Register(NFTA_LOOKUP_SREG, key);
  if (inverted) e.U32(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
  return *this;
}

NftRule& NftRule::LookupTo(std::string_view map, int key, int to) {
  Expression e(buffer_, "lookup");
  e.Text(NFTA_LOOKUP_SET, map);
  e.Register(NFTA_LOOKUP_SREG, key);
  e.Register(NFTA_LOOKUP_DREG, to);
  return *this;
}

NftRule& NftRule::LookupVerdict(std::string_view map, int key) {
  Expression e(buffer_, "lookup");
  e.Text(NFTA_LOOKUP_SET, map);
  e.Register(NFTA_LOOKUP_SREG, key);
  e.U32(NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
  return *this;
}

NftRule& NftRule::Dynamic(NftDynamic how, std::string_view set, int key, std::optional<int> data,
                          absl::Duration timeout) {
  Expression e(buffer_, "dynset");
  e.Text(NFTA_DYNSET_SET_NAME, set);
  e.U32(NFTA_DYNSET_OP, how == NftDynamic::kAdd ? NFT_DYNSET_OP_ADD : NFT_DYNSET_OP_UPDATE);
  e.Register(NFTA_DYNSET_SREG_KEY, key);
  if (data.has_value()) e.Register(NFTA_DYNSET_SREG_DATA, *data);
  if (timeout > absl::ZeroDuration()) {
    buffer_.PutBe64(NFTA_DYNSET_TIMEOUT, static_cast<uint64_t>(absl::ToInt64Milliseconds(timeout)));
  }
  return *this;
}

NftRule& NftRule::Verdict(NftVerdict verdict, std::string_view chain) {
  Expression e(buffer_, "immediate");
  e.U32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  PutNftVerdict(buffer_, NFTA_IMMEDIATE_DATA, verdict, chain);
  return *this;
}

NftRule& NftRule::DestinationNat(NftFamily family, int address, int port) {
  Expression e(buffer_, "nat");
  e.U32(NFTA_NAT_TYPE, NFT_NAT_DNAT);
  e.U32(NFTA_NAT_FAMILY, static_cast<uint32_t>(family));
  e.Register(NFTA_NAT_REG_ADDR_MIN, address);
  e.Register(NFTA_NAT_REG_PROTO_MIN, port);
  return *this;
}

NftRule& NftRule::Masquerade() {
  Expression e(buffer_, "masq");
  e.U32(NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
  return *this;
}

NftRule& NftRule::Reject(NftReject how, NftFamily family) {
  constexpr uint8_t kIcmpPortUnreachable = 3;
  constexpr uint8_t kIcmp6PortUnreachable = 4;
  Expression e(buffer_, "reject");
  if (how == NftReject::kTcpReset) {
    e.U32(NFTA_REJECT_TYPE, NFT_REJECT_TCP_RST);
  } else {
    e.U32(NFTA_REJECT_TYPE, NFT_REJECT_ICMP_UNREACH);
    buffer_.PutU8(NFTA_REJECT_ICMP_CODE,
                  family == NftFamily::kIp6 ? kIcmp6PortUnreachable : kIcmpPortUnreachable);
  }
  return *this;
}

}  // namespace berth::kernel
