// SPDX-License-Identifier: Apache-2.0
// IPv4 and IPv6 addresses and prefixes as values, in network byte order.
#ifndef BERTH_KERNEL_IP_ADDRESS_H_
#define BERTH_KERNEL_IP_ADDRESS_H_

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace berth::kernel {

class IpAddress {
 public:
  IpAddress() = default;  // of no family
  static std::optional<IpAddress> Parse(std::string_view text);
  // 4 or 16 bytes; nothing for another length.
  static std::optional<IpAddress> FromBytes(std::string_view bytes);

  bool is_v4() const { return length_ == 4; }
  bool is_v6() const { return length_ == 16; }
  std::string_view bytes() const { return {reinterpret_cast<const char*>(bytes_.data()), length_}; }
  std::string ToString() const;

  auto operator<=>(const IpAddress&) const = default;
  template <class H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    return H::combine(std::move(h), a.length_, a.bytes_);
  }

 private:
  uint8_t length_ = 0;
  std::array<uint8_t, 16> bytes_{};
};

struct IpPrefix {
  IpAddress address;  // the first of the range
  int length = 0;

  // "10.244.0.0/16"; bits after the prefix are cleared. An address alone is a prefix of full
  // length.
  static std::optional<IpPrefix> Parse(std::string_view text);
  bool Contains(const IpAddress& address) const;
  std::string Mask() const;  // as many bytes as the address has
  IpAddress Last() const;    // of the range
  std::string ToString() const;
  auto operator<=>(const IpPrefix&) const = default;
};

}  // namespace berth::kernel

#endif  // BERTH_KERNEL_IP_ADDRESS_H_
