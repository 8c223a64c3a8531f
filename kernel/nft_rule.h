// SPDX-License-Identifier: Apache-2.0
// The expressions of one nf_tables rule, encoded as they are added. Registers are named by their
// 32-bit number, 0 to 15; a value of n bytes takes (n + 3) / 4 of them from there on.
//
//   NftRule().Payload(NftBase::kNetwork, 16, 4, 0).Lookup("cluster-ips", 0).Jump("services")
//
// Every expression here is one that nft 1.0.6 can list; see nf_tables_listing in the tests.
#ifndef BERTH_KERNEL_NFT_RULE_H_
#define BERTH_KERNEL_NFT_RULE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "kernel/netlink_message.h"

namespace berth::kernel {

enum class NftFamily : uint8_t { kInet = 1, kIp4 = 2, kIp6 = 10 };
enum class NftBase { kLink, kNetwork, kTransport };
enum class NftCompare { kEqual, kNotEqual };
enum class NftVerdict { kAccept, kDrop, kReturn, kJump, kGoto };
enum class NftDynamic { kAdd, kUpdate };
enum class NftReject { kPortUnreachable, kTcpReset };

// The bytes of a verdict, as they stand in rules and verdict maps.
void PutNftVerdict(NetlinkBuffer& out, uint16_t attribute, NftVerdict verdict,
                   std::string_view chain);

class NftRule {
 public:
  // Loads into registers.
  NftRule& Payload(NftBase base, uint32_t offset, uint32_t length, int to);
  NftRule& L4Proto(int to);
  NftRule& Mark(int to);
  NftRule& CtState(int to);
  NftRule& CtStatus(int to);
  // Where the connection's first packet went, before any NAT.
  NftRule& CtOriginalDestination(NftFamily family, int to);
  NftRule& CtOriginalPort(int to);
  NftRule& Random(uint32_t modulus, int to);  // 0 to modulus-1, all alike
  NftRule& Immediate(std::string_view value, int to);
  NftRule& FibAddressType(bool of_source, int to);  // RTN_LOCAL is 2

  // Works on registers. Bytes are in packet order unless the value is a host number.
  NftRule& Bitwise(int reg, std::string_view mask, std::string_view flip);
  NftRule& Compare(int reg, NftCompare how, std::string_view value);
  NftRule& Lookup(std::string_view set, int key, bool inverted = false);
  NftRule& LookupTo(std::string_view map, int key, int to);
  NftRule& LookupVerdict(std::string_view map, int key);
  // Remembers the key (with its data, for a map) in a dynamic set.
  NftRule& Dynamic(NftDynamic how, std::string_view set, int key, std::optional<int> data,
                   absl::Duration timeout);
  NftRule& SetMark(int from);

  // Ends the rule.
  NftRule& Verdict(NftVerdict verdict, std::string_view chain = {});
  NftRule& Jump(std::string_view chain) { return Verdict(NftVerdict::kJump, chain); }
  NftRule& Goto(std::string_view chain) { return Verdict(NftVerdict::kGoto, chain); }
  NftRule& Drop() { return Verdict(NftVerdict::kDrop); }
  NftRule& Return() { return Verdict(NftVerdict::kReturn); }
  NftRule& DestinationNat(NftFamily family, int address, int port);
  NftRule& Masquerade();  // with fully random source ports
  NftRule& Reject(NftReject how, NftFamily family);

  const std::string& encoded() const { return buffer_.bytes(); }

 private:
  NetlinkBuffer buffer_;
};

// A number as a register holds it when the kernel made it (marks, ct state, fib, numgen).
std::string HostU32(uint32_t value);

}  // namespace berth::kernel

#endif  // BERTH_KERNEL_NFT_RULE_H_
