// SPDX-License-Identifier: Apache-2.0
#include "kernel/links.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/status.h"
#include "kernel/netlink.h"
#include "kernel/routes.h"

namespace berth::kernel {
namespace {

template <class T>
std::string Bytes(const T& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

absl::Status Call(const NetlinkBuffer& request) {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_ROUTE));
  return socket.Call(request.bytes());
}

ifinfomsg LinkHeader(int index) {
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = index;
  return header;
}

}  // namespace

absl::StatusOr<std::vector<InterfaceAddress>> ListAddresses() {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_ROUTE));
  NetlinkBuffer request;
  request.BeginMessage(RTM_GETADDR, NLM_F_DUMP, socket.NextSequence(), Bytes(ifaddrmsg{}));
  request.EndMessage();
  std::vector<InterfaceAddress> out;
  const auto read = [&](const NetlinkMessage& m) {
    ifaddrmsg header{};
    if (m.type != RTM_NEWADDR || m.body.size() < sizeof header) return;
    std::memcpy(&header, m.body.data(), sizeof header);
    const std::string_view attributes = m.body.substr(sizeof header);
    // On a point-to-point link IFA_ADDRESS is the other end.
    auto value = FindAttribute(attributes, IFA_LOCAL);
    if (!value.has_value()) value = FindAttribute(attributes, IFA_ADDRESS);
    if (!value.has_value()) return;
    const auto address = IpAddress::FromBytes(value->value);
    if (!address.has_value()) return;
    out.push_back({static_cast<int>(header.ifa_index), *address, header.ifa_prefixlen,
                   header.ifa_scope == RT_SCOPE_UNIVERSE});
  };
  RETURN_IF_ERROR(socket.Dump(
                      request.bytes(), [&] { out.clear(); }, read),
                  "listing addresses");
  return out;
}

absl::StatusOr<IpAddress> DefaultRouteAddress(bool six) {
  ASSIGN_OR_RETURN(const std::vector<Route> routes, ListRoutes({}));
  const Route* best = nullptr;
  for (const Route& route : routes) {
    if (route.destination.length != 0 || route.destination.address.is_v6() != six) continue;
    if (best == nullptr || route.metric < best->metric) best = &route;
  }
  if (best == nullptr) return base::NotFound("no default route");
  if (!best->source.bytes().empty()) return best->source;
  ASSIGN_OR_RETURN(const auto addresses, ListAddresses());
  for (const InterfaceAddress& a : addresses) {
    if (a.link == best->link && a.global && a.address.is_v6() == six) return a.address;
  }
  return base::NotFound("the default route's interface has no address");
}

absl::StatusOr<int> LinkIndex(std::string_view name) {
  const unsigned index = ::if_nametoindex(std::string(name).c_str());
  if (index == 0) return base::FromErrno(errno == ENODEV ? ENOENT : errno, name);
  return static_cast<int>(index);
}

absl::Status SetLinkUp(std::string_view name) {
  ASSIGN_OR_RETURN(const int index, LinkIndex(name));
  ifinfomsg header = LinkHeader(index);
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  NetlinkBuffer request;
  request.BeginMessage(RTM_NEWLINK, NLM_F_ACK, 1, Bytes(header));
  request.EndMessage();
  return base::WithContext(Call(request), base::StrCat("setting ", name, " up"));
}

absl::Status AddAddress(std::string_view link, const IpAddress& address, int prefix_length) {
  ASSIGN_OR_RETURN(const int index, LinkIndex(link));
  ifaddrmsg header{};
  header.ifa_family = address.is_v6() ? AF_INET6 : AF_INET;
  header.ifa_prefixlen = static_cast<uint8_t>(prefix_length);
  header.ifa_index = static_cast<uint32_t>(index);
  // An IPv6 address is usable at once, without the second of duplicate detection.
  if (address.is_v6()) header.ifa_flags = IFA_F_NODAD;
  NetlinkBuffer request;
  request.BeginMessage(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, 1, Bytes(header));
  request.Put(IFA_LOCAL, address.bytes());
  request.Put(IFA_ADDRESS, address.bytes());
  request.EndMessage();
  return base::WithContext(Call(request), base::StrCat("address ", address.ToString()));
}

absl::Status AddVethPair(std::string_view name, std::string_view peer,
                         const NetworkNamespace& peer_namespace) {
  NetlinkBuffer request;
  request.BeginMessage(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, 1, Bytes(LinkHeader(0)));
  request.PutString(IFLA_IFNAME, name);
  const size_t info = request.BeginNest(IFLA_LINKINFO);
  request.PutString(IFLA_INFO_KIND, "veth");
  const size_t data = request.BeginNest(IFLA_INFO_DATA);
  const size_t other = request.BeginNest(VETH_INFO_PEER);
  request.PutRaw(Bytes(LinkHeader(0)));
  request.PutString(IFLA_IFNAME, peer);
  request.PutU32(IFLA_NET_NS_FD, static_cast<uint32_t>(peer_namespace.fd()));
  request.EndNest(other);
  request.EndNest(data);
  request.EndNest(info);
  request.EndMessage();
  return base::WithContext(Call(request), base::StrCat("veth ", name));
}

}  // namespace berth::kernel
