// SPDX-License-Identifier: Apache-2.0
#include "agent/node/node_addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>

#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using base::InvalidArgument;

bool IsDnsName(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (std::string_view label : base::Split(name, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') {
      return false;
    }
    for (const char c : label) {
      const bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
      if (!good) return false;
    }
  }
  return true;
}

// 4 or 6; nothing when `address` is none.
std::optional<int> FamilyOf(std::string_view address) {
  std::array<unsigned char, 16> bytes;
  const std::string text(address);
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return 4;
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return 6;
  return std::nullopt;
}

std::optional<std::string> Choose(const std::vector<InterfaceAddress>& local, bool ipv6,
                                  std::string_view preferred) {
  const InterfaceAddress* first = nullptr;
  for (const InterfaceAddress& candidate : local) {
    if (candidate.ipv6 != ipv6) continue;
    if (candidate.interface == preferred) return candidate.address;
    if (first == nullptr) first = &candidate;
  }
  if (first == nullptr) return std::nullopt;
  return first->address;
}

}  // namespace

absl::StatusOr<std::string> NodeName(std::string_view chosen) {
  std::string name(base::Trim(chosen));
  if (name.empty()) {
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) != 0) {
      return base::FromErrno(errno, "asking for the host's name");
    }
    name = base::Trim(host.data());
  }
  name = base::ToLower(name);
  if (!IsDnsName(name)) return InvalidArgument("the node's name \"", name, "\" is no DNS name");
  return name;
}

std::vector<InterfaceAddress> LocalAddresses() {
  std::vector<InterfaceAddress> out;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return out;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> guard(list, freeifaddrs);
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_LOOPBACK) != 0) continue;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (at->ifa_addr->sa_family == AF_INET) {
      const auto* in = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
      inet_ntop(AF_INET, &in->sin_addr, text.data(), text.size());
      if (std::string_view(text.data()).starts_with("169.254.")) continue;
      out.push_back({at->ifa_name, text.data(), false});
    } else if (at->ifa_addr->sa_family == AF_INET6) {
      const auto* in6 = reinterpret_cast<const sockaddr_in6*>(at->ifa_addr);
      if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr)) continue;
      inet_ntop(AF_INET6, &in6->sin6_addr, text.data(), text.size());
      out.push_back({at->ifa_name, text.data(), true});
    }
  }
  return out;
}

std::string DefaultRouteInterface(std::string_view proc_net_route) {
  std::string best;
  int best_metric = 0;
  for (std::string_view line : base::Split(proc_net_route, '\n')) {
    const auto fields = base::Split(line, '\t');
    if (fields.size() < 8 || fields[1] != "00000000" || fields[7] != "00000000") continue;
    const int metric = base::ParseInt<int>(fields[6]).value_or(0);
    if (!best.empty() && metric >= best_metric) continue;
    best = fields[0];
    best_metric = metric;
  }
  return best;
}

std::string DefaultRouteInterface() {
  std::ifstream in("/proc/net/route");
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return DefaultRouteInterface(text);
}

absl::StatusOr<std::vector<std::string>> ChooseNodeAddresses(
    std::string_view node_ip, const std::vector<InterfaceAddress>& local,
    std::string_view default_interface) {
  std::vector<std::string> out;
  if (!node_ip.empty() && node_ip != "0.0.0.0" && node_ip != "::") {
    for (std::string_view part : base::Split(node_ip, ',')) {
      if (!FamilyOf(part)) return InvalidArgument("--node-ip: \"", part, "\" is no IP address");
      out.emplace_back(part);
    }
    if (out.size() > 2 || (out.size() == 2 && FamilyOf(out[0]) == FamilyOf(out[1]))) {
      return InvalidArgument("--node-ip: want one address, or one of each family");
    }
    return out;
  }
  const bool first_is_ipv6 = node_ip == "::";
  for (const bool ipv6 : {first_is_ipv6, !first_is_ipv6}) {
    if (auto chosen = Choose(local, ipv6, default_interface)) {
      out.push_back(*std::move(chosen));
      break;  // the other family is reported only when asked for
    }
  }
  if (out.empty()) {
    return base::NotFound("no address of this node was found; give one with --node-ip");
  }
  return out;
}

}  // namespace berth::agent
