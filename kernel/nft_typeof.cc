// SPDX-License-Identifier: Apache-2.0
#include "kernel/nft_typeof.h"

#include <cstdint>

namespace berth::kernel {
namespace {

// The bytes are type-length-value triples with one byte each for type and length, numbers in host
// order. The numbers below are nft's own, seen in what nft 1.0.6 stores.
constexpr uint8_t kKeyByteOrder = 0, kDataByteOrder = 1, kKeyTypeof = 3, kDataTypeof = 4,
                  kDataInterval = 6;
constexpr uint8_t kExpression = 0, kExpressionData = 1;
constexpr uint32_t kPayload = 7, kMeta = 9, kConcat = 13, kNumgen = 23;
constexpr uint32_t kTransportHeader = 11, kIp4Header = 12, kIp6Header = 13;
constexpr uint32_t kTransportDport = 2;
constexpr uint32_t kIp4Source = 11, kIp4Destination = 12, kIp6Source = 8, kIp6Destination = 9;
constexpr uint32_t kMetaL4Proto = 16;
constexpr uint32_t kRandomType = 1, kRandomModulus = 65536;

std::string Field(uint8_t type, const std::string& value) {
  std::string out;
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(value.size()));
  return out + value;
}

std::string Field(uint8_t type, uint32_t value) { return Field(type, HostU32(value)); }

std::string Expression(uint32_t kind, const std::string& data) {
  return Field(kExpression, kind) + Field(kExpressionData, data);
}

std::string Part(NftFamily family, NftTypeof part) {
  const bool six = family == NftFamily::kIp6;
  switch (part) {
    case NftTypeof::kSource:
      return Expression(kPayload, Field(0, six ? kIp6Header : kIp4Header) +
                                      Field(1, six ? kIp6Source : kIp4Source));
    case NftTypeof::kDestination:
      return Expression(kPayload, Field(0, six ? kIp6Header : kIp4Header) +
                                      Field(1, six ? kIp6Destination : kIp4Destination));
    case NftTypeof::kL4Proto:
      return Expression(kMeta, Field(0, kMetaL4Proto));
    case NftTypeof::kDestinationPort:
      return Expression(kPayload, Field(0, kTransportHeader) + Field(1, kTransportDport));
    case NftTypeof::kRandom:
      return Expression(kNumgen, Field(0, kRandomType) + Field(1, kRandomModulus) + Field(2, 0U));
  }
  return "";
}

std::string Concat(NftFamily family, const std::vector<NftTypeof>& parts) {
  std::string data;
  uint8_t index = 0;
  for (const NftTypeof part : parts) data += Field(index++, Part(family, part));
  return Expression(kConcat, data);
}

}  // namespace

std::string NftTypeofUserdata(NftFamily family, const std::vector<NftTypeof>& key,
                              const std::vector<NftTypeof>& data) {
  std::string out = Field(kKeyByteOrder, 0U);
  if (!data.empty()) out += Field(kDataByteOrder, 0U);
  out += Field(kKeyTypeof, Concat(family, key));
  if (!data.empty()) out += Field(kDataTypeof, Concat(family, data)) + Field(kDataInterval, 0U);
  return out;
}

}  // namespace berth::kernel
