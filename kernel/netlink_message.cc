// SPDX-License-Identifier: Apache-2.0
#include "kernel/netlink_message.h"

#include <endian.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace berth::kernel {
namespace {

constexpr size_t Aligned(size_t n) { return (n + 3) & ~size_t{3}; }

template <class T>
std::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

}  // namespace

void NetlinkBuffer::Pad() { bytes_.resize(Aligned(bytes_.size())); }

void NetlinkBuffer::BeginMessage(uint16_t type, uint16_t flags, uint32_t sequence,
                                 std::string_view header) {
  message_ = bytes_.size();
  nlmsghdr h{};
  h.nlmsg_type = type;
  h.nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST);
  h.nlmsg_seq = sequence;
  bytes_.append(BytesOf(h)).append(header);
  Pad();
}

void NetlinkBuffer::EndMessage() {
  const uint32_t length = static_cast<uint32_t>(bytes_.size() - message_);
  std::memcpy(bytes_.data() + message_, &length, sizeof length);
}

void NetlinkBuffer::Put(uint16_t attribute, std::string_view value) {
  const nlattr a{static_cast<uint16_t>(NLA_HDRLEN + value.size()), attribute};
  bytes_.append(BytesOf(a)).append(value);
  Pad();
}

void NetlinkBuffer::PutString(uint16_t attribute, std::string_view text) {
  const nlattr a{static_cast<uint16_t>(NLA_HDRLEN + text.size() + 1), attribute};
  bytes_.append(BytesOf(a)).append(text).push_back('\0');
  Pad();
}

void NetlinkBuffer::PutU8(uint16_t attribute, uint8_t value) { Put(attribute, BytesOf(value)); }

void NetlinkBuffer::PutU32(uint16_t attribute, uint32_t value) { Put(attribute, BytesOf(value)); }

void NetlinkBuffer::PutBe16(uint16_t attribute, uint16_t value) {
  const uint16_t be = htobe16(value);
  Put(attribute, BytesOf(be));
}

void NetlinkBuffer::PutBe32(uint16_t attribute, uint32_t value) {
  const uint32_t be = htobe32(value);
  Put(attribute, BytesOf(be));
}

void NetlinkBuffer::PutBe64(uint16_t attribute, uint64_t value) {
  const uint64_t be = htobe64(value);
  Put(attribute, BytesOf(be));
}

size_t NetlinkBuffer::BeginNest(uint16_t attribute) {
  const size_t nest = bytes_.size();
  const nlattr a{0, static_cast<uint16_t>(attribute | NLA_F_NESTED)};
  bytes_.append(BytesOf(a));
  return nest;
}

void NetlinkBuffer::EndNest(size_t nest) {
  const uint16_t length = static_cast<uint16_t>(bytes_.size() - nest);
  std::memcpy(bytes_.data() + nest, &length, sizeof length);
}

void NetlinkBuffer::AddFlags(size_t offset, uint16_t flags) {
  const size_t at = offset + offsetof(nlmsghdr, nlmsg_flags);
  uint16_t now = 0;
  std::memcpy(&now, bytes_.data() + at, sizeof now);
  now = static_cast<uint16_t>(now | flags);
  std::memcpy(bytes_.data() + at, &now, sizeof now);
}

std::optional<uint32_t> NetlinkAttribute::Be32() const {
  uint32_t be = 0;
  if (value.size() != sizeof be) return std::nullopt;
  std::memcpy(&be, value.data(), sizeof be);
  return be32toh(be);
}

std::optional<uint32_t> NetlinkAttribute::U32() const {
  uint32_t host = 0;
  if (value.size() != sizeof host) return std::nullopt;
  std::memcpy(&host, value.data(), sizeof host);
  return host;
}

std::optional<uint64_t> NetlinkAttribute::Be64() const {
  uint64_t be = 0;
  if (value.size() != sizeof be) return std::nullopt;
  std::memcpy(&be, value.data(), sizeof be);
  return be64toh(be);
}

std::string_view NetlinkAttribute::Text() const { return value.substr(0, value.find('\0')); }

std::optional<NetlinkAttribute> NextAttribute(std::string_view& bytes) {
  nlattr a{};
  if (bytes.size() < sizeof a) return std::nullopt;
  std::memcpy(&a, bytes.data(), sizeof a);
  if (a.nla_len < NLA_HDRLEN || a.nla_len > bytes.size()) return std::nullopt;
  const NetlinkAttribute out{static_cast<uint16_t>(a.nla_type & NLA_TYPE_MASK),
                             bytes.substr(NLA_HDRLEN, a.nla_len - NLA_HDRLEN)};
  bytes.remove_prefix(std::min(Aligned(a.nla_len), bytes.size()));
  return out;
}

std::optional<NetlinkAttribute> FindAttribute(std::string_view bytes, uint16_t type) {
  while (auto attribute = NextAttribute(bytes)) {
    if (attribute->type == type) return attribute;
  }
  return std::nullopt;
}

std::optional<NetlinkMessage> NextMessage(std::string_view& bytes) {
  nlmsghdr h{};
  if (bytes.size() < sizeof h) return std::nullopt;
  std::memcpy(&h, bytes.data(), sizeof h);
  if (h.nlmsg_len < sizeof h || h.nlmsg_len > bytes.size()) return std::nullopt;
  const NetlinkMessage out{h.nlmsg_type, h.nlmsg_flags, h.nlmsg_seq, h.nlmsg_pid,
                           bytes.substr(sizeof h, h.nlmsg_len - sizeof h)};
  bytes.remove_prefix(std::min(Aligned(h.nlmsg_len), bytes.size()));
  return out;
}

}  // namespace berth::kernel
