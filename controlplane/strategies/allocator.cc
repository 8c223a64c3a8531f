// SPDX-License-Identifier: Apache-2.0
#include "controlplane/strategies/allocator.h"

#include <arpa/inet.h>

#include "base/status.h"
#include "base/strings.h"

namespace berth::controlplane {

bool Allocator::Take(uint32_t number) {
  base::MutexLock lock(mu_);
  return taken_.insert(number).second;
}

std::optional<uint32_t> Allocator::TakeAny() {
  base::MutexLock lock(mu_);
  for (uint64_t tries = 0; tries <= uint64_t{last_} - first_; ++tries) {
    const uint32_t candidate = next_;
    next_ = next_ == last_ ? first_ : next_ + 1;
    if (taken_.insert(candidate).second) return candidate;
  }
  return std::nullopt;
}

void Allocator::Release(uint32_t number) {
  base::MutexLock lock(mu_);
  taken_.erase(number);
}

std::optional<uint32_t> ParseIpv4(std::string_view text) {
  in_addr address{};
  if (inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

std::string FormatIpv4(uint32_t address) {
  return base::StrCat(address >> 24, ".", address >> 16 & 255, ".", address >> 8 & 255, ".",
                      address & 255);
}

absl::StatusOr<Ipv4Range> ParseCidr(std::string_view text) {
  const auto [address, bits] = base::SplitOnce(text, '/');
  const auto first = ParseIpv4(address);
  const auto length = base::ParseInt<int>(bits.value_or(""));
  if (!first.has_value() || !length.has_value() || *length < 8 || *length > 30) {
    return base::InvalidArgument("\"", text, "\" is no IPv4 range such as 10.96.0.0/16");
  }
  const uint32_t mask = ~uint32_t{0} << (32 - *length);
  return Ipv4Range{*first & mask, (*first & mask) | ~mask};
}

}  // namespace berth::controlplane
