// SPDX-License-Identifier: Apache-2.0
#include "kernel/routes.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>

#include "base/status.h"
#include "kernel/netlink.h"

namespace berth::kernel {
namespace {

template <class T>
std::string Bytes(const T& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

std::optional<Route> ReadRoute(const NetlinkMessage& message) {
  rtmsg header{};
  if (message.type != RTM_NEWROUTE || message.body.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, message.body.data(), sizeof header);
  if (header.rtm_type != RTN_UNICAST) return std::nullopt;
  if (header.rtm_family != AF_INET && header.rtm_family != AF_INET6) return std::nullopt;
  const std::string zero(header.rtm_family == AF_INET ? 4 : 16, '\0');
  Route out;
  out.destination = {*IpAddress::FromBytes(zero), header.rtm_dst_len};
  out.protocol = header.rtm_protocol;
  uint32_t table = header.rtm_table;
  std::string_view rest = message.body.substr(sizeof header);
  while (const auto attribute = NextAttribute(rest)) {
    const auto address = IpAddress::FromBytes(attribute->value);
    switch (attribute->type) {
      case RTA_DST:
        if (address.has_value()) out.destination.address = *address;
        break;
      case RTA_GATEWAY:
        if (address.has_value()) out.gateway = *address;
        break;
      case RTA_PREFSRC:
        if (address.has_value()) out.source = *address;
        break;
      case RTA_OIF:
        out.link = static_cast<int>(attribute->U32().value_or(0));
        break;
      case RTA_PRIORITY:
        out.metric = attribute->U32().value_or(0);
        break;
      case RTA_TABLE:
        table = attribute->U32().value_or(table);
        break;
      default:
        break;
    }
  }
  return table == RT_TABLE_MAIN ? std::optional(out) : std::nullopt;
}

absl::Status Change(const Route& route, uint16_t message, uint16_t flags) {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_ROUTE));
  rtmsg header{};
  header.rtm_family = route.destination.address.is_v6() ? AF_INET6 : AF_INET;
  header.rtm_dst_len = static_cast<uint8_t>(route.destination.length);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = route.protocol;
  const bool direct = route.gateway.bytes().empty();
  header.rtm_scope = direct ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  // What is deleted is found by destination and owner, wherever it leads.
  if (message == RTM_DELROUTE) header.rtm_scope = RT_SCOPE_NOWHERE;
  header.rtm_type = message == RTM_DELROUTE ? RTN_UNSPEC : RTN_UNICAST;
  NetlinkBuffer request;
  request.BeginMessage(message, static_cast<uint16_t>(flags | NLM_F_ACK), socket.NextSequence(),
                       Bytes(header));
  if (route.destination.length > 0) request.Put(RTA_DST, route.destination.address.bytes());
  if (!direct) request.Put(RTA_GATEWAY, route.gateway.bytes());
  if (route.link != 0) request.PutU32(RTA_OIF, static_cast<uint32_t>(route.link));
  if (!route.source.bytes().empty()) request.Put(RTA_PREFSRC, route.source.bytes());
  if (route.metric != 0) request.PutU32(RTA_PRIORITY, route.metric);
  request.EndMessage();
  return socket.Call(request.bytes());
}

}  // namespace

std::string Route::ToString() const {
  std::string out = destination.length == 0 ? "default" : destination.ToString();
  if (!gateway.bytes().empty()) base::StrAppend(out, " via ", gateway.ToString());
  return out;
}

absl::StatusOr<std::vector<Route>> ListRoutes(std::optional<uint8_t> protocol) {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_ROUTE));
  NetlinkBuffer request;
  rtmsg header{};
  request.BeginMessage(RTM_GETROUTE, NLM_F_DUMP, socket.NextSequence(), Bytes(header));
  request.EndMessage();
  std::vector<Route> out;
  const auto read = [&](const NetlinkMessage& message) {
    const auto route = ReadRoute(message);
    if (route.has_value() && route->protocol == protocol.value_or(route->protocol)) {
      out.push_back(*route);
    }
  };
  RETURN_IF_ERROR(socket.Dump(
                      request.bytes(), [&] { out.clear(); }, read),
                  "listing routes");
  return out;
}

absl::Status SetRoute(const Route& route) {
  return base::WithContext(Change(route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE),
                           base::StrCat("route ", route.ToString()));
}

absl::Status DeleteRoute(const Route& route) {
  const absl::Status status = Change(route, RTM_DELROUTE, 0);
  // ESRCH says that there is no such route.
  if (absl::IsNotFound(status)) return absl::OkStatus();
  return base::WithContext(status, base::StrCat("deleting route ", route.ToString()));
}

}  // namespace berth::kernel
