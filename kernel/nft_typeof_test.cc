// SPDX-License-Identifier: Apache-2.0
#include "kernel/nft_typeof.h"

#include "gtest/gtest.h"

namespace berth::kernel {
namespace {

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned char>(c));
    out += two;
  }
  return out;
}

using enum NftTypeof;

// What nft 1.0.6 stores for `typeof ip daddr . meta l4proto . th dport . numgen random mod 65536 :
// ip daddr . th dport`.
TEST(NftTypeofUserdata, IsWhatNftStoresForAnIp4Map) {
  EXPECT_EQ(
      Hex(NftTypeofUserdata(NftFamily::kIp4, {kDestination, kL4Proto, kDestinationPort, kRandom},
                            {kDestination, kDestinationPort})),
      "000400000000010400000000036000040d00000001580014000407000000010c00040c00000001040c0000"
      "00010e00040900000001060004100000000214000407000000010c00040b000000010402000000031a0004"
      "170000000112000401000000010400000100020400000000043400040d000000012c001400040700000001"
      "0c00040c00000001040c0000000114000407000000010c00040b000000010402000000060400000000");
}

TEST(NftTypeofUserdata, IsWhatNftStoresForAnIp6Map) {
  EXPECT_EQ(
      Hex(NftTypeofUserdata(NftFamily::kIp6, {kDestination, kL4Proto, kDestinationPort, kSource},
                            {kDestination, kDestinationPort})),
      "000400000000010400000000035a00040d00000001520014000407000000010c00040d0000000104090000"
      "00010e00040900000001060004100000000214000407000000010c00040b00000001040200000003140004"
      "07000000010c00040d000000010408000000043400040d000000012c0014000407000000010c00040d0000"
      "000104090000000114000407000000010c00040b000000010402000000060400000000");
}

TEST(NftTypeofUserdata, IsWhatNftStoresForASet) {
  EXPECT_EQ(Hex(NftTypeofUserdata(NftFamily::kIp4, {kSource, kDestination}, {})),
            "000400000000033400040d000000012c0014000407000000010c00040c00000001040b0000000114000407"
            "000000010c00040c00000001040c000000");
}

}  // namespace
}  // namespace berth::kernel
