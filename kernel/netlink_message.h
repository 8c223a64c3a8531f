// SPDX-License-Identifier: Apache-2.0
// Netlink wire: messages and attributes appended to a byte string, and read back without trust in
// what they say of their lengths. Single-threaded.
#ifndef BERTH_KERNEL_NETLINK_MESSAGE_H_
#define BERTH_KERNEL_NETLINK_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace berth::kernel {

class NetlinkBuffer {
 public:
  // A message from here to EndMessage(). `header` is the family's own header (nfgenmsg, ...).
  void BeginMessage(uint16_t type, uint16_t flags, uint32_t sequence, std::string_view header);
  void EndMessage();
  void Put(uint16_t attribute, std::string_view value);
  void PutString(uint16_t attribute, std::string_view text);  // with its ending NUL
  void PutU8(uint16_t attribute, uint8_t value);
  void PutU32(uint16_t attribute, uint32_t value);  // host order, as rtnetlink wants it
  void PutBe16(uint16_t attribute, uint16_t value);
  void PutBe32(uint16_t attribute, uint32_t value);
  void PutBe64(uint16_t attribute, uint64_t value);
  // Attributes as another buffer encoded them.
  void PutRaw(std::string_view attributes) { bytes_.append(attributes); }
  // Attributes within an attribute, until EndNest() gets what BeginNest() gave.
  size_t BeginNest(uint16_t attribute);
  void EndNest(size_t nest);
  // Adds flags to the message that begins at `offset`.
  void AddFlags(size_t offset, uint16_t flags);

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  size_t message_size() const { return bytes_.size() - message_; }
  size_t message_start() const { return message_; }
  void Clear() { bytes_.clear(); }
  void Reserve(size_t bytes) { bytes_.reserve(bytes); }

 private:
  void Pad();

  std::string bytes_;
  size_t message_ = 0;
};

struct NetlinkAttribute {
  uint16_t type;  // without the flags for nesting and byte order
  std::string_view value;

  std::optional<uint32_t> Be32() const;
  std::optional<uint32_t> U32() const;  // host order
  std::optional<uint64_t> Be64() const;
  std::string_view Text() const;  // without the ending NUL
};

// Takes the first attribute off `bytes`; nothing at the end and at the first malformed one.
std::optional<NetlinkAttribute> NextAttribute(std::string_view& bytes);
// The first attribute of that type; nothing when absent.
std::optional<NetlinkAttribute> FindAttribute(std::string_view bytes, uint16_t type);

struct NetlinkMessage {
  uint16_t type;
  uint16_t flags;
  uint32_t sequence;
  uint32_t port;
  std::string_view body;  // after the nlmsghdr
};
std::optional<NetlinkMessage> NextMessage(std::string_view& bytes);

}  // namespace berth::kernel

#endif  // BERTH_KERNEL_NETLINK_MESSAGE_H_
