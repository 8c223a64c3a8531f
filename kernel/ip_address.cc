// SPDX-License-Identifier: Apache-2.0
#include "kernel/ip_address.h"

#include <arpa/inet.h>

#include <cstring>

#include "base/strings.h"

namespace berth::kernel {

std::optional<IpAddress> IpAddress::FromBytes(std::string_view bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
  IpAddress out;
  out.length_ = static_cast<uint8_t>(bytes.size());
  std::memcpy(out.bytes_.data(), bytes.data(), bytes.size());
  return out;
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  const std::string copy(text);
  char bytes[16];
  if (::inet_pton(AF_INET, copy.c_str(), bytes) == 1) return FromBytes({bytes, 4});
  if (::inet_pton(AF_INET6, copy.c_str(), bytes) == 1) return FromBytes({bytes, 16});
  return std::nullopt;
}

std::string IpAddress::ToString() const {
  if (length_ == 0) return "";
  char text[INET6_ADDRSTRLEN];
  ::inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
  return text;
}

std::string IpPrefix::Mask() const {
  std::string mask(address.bytes().size(), '\0');
  for (int bit = 0; bit < length; ++bit) {
    mask[static_cast<size_t>(bit / 8)] |= static_cast<char>(0x80 >> (bit % 8));
  }
  return mask;
}

std::optional<IpPrefix> IpPrefix::Parse(std::string_view text) {
  const auto [base_text, length_text] = base::SplitOnce(text, '/');
  const auto address = IpAddress::Parse(base_text);
  if (!address.has_value()) return std::nullopt;
  const int bits = static_cast<int>(address->bytes().size()) * 8;
  IpPrefix out{*address, bits};
  if (length_text.has_value()) {
    const auto length = base::ParseInt<int>(*length_text);
    if (!length.has_value() || *length < 0 || *length > bits) return std::nullopt;
    out.length = *length;
  }
  const std::string mask = out.Mask();
  std::string first(address->bytes());
  for (size_t i = 0; i < first.size(); ++i) first[i] = static_cast<char>(first[i] & mask[i]);
  out.address = *IpAddress::FromBytes(first);
  return out;
}

bool IpPrefix::Contains(const IpAddress& other) const {
  if (other.bytes().size() != address.bytes().size()) return false;
  const std::string mask = Mask();
  for (size_t i = 0; i < mask.size(); ++i) {
    if ((other.bytes()[i] & mask[i]) != address.bytes()[i]) return false;
  }
  return true;
}

IpAddress IpPrefix::Last() const {
  const std::string mask = Mask();
  std::string last(address.bytes());
  for (size_t i = 0; i < last.size(); ++i) last[i] = static_cast<char>(last[i] | ~mask[i]);
  return IpAddress::FromBytes(last).value_or(IpAddress());
}

std::string IpPrefix::ToString() const { return base::StrCat(address.ToString(), "/", length); }

}  // namespace berth::kernel
