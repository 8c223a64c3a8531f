// SPDX-License-Identifier: Apache-2.0
#include "kernel/conntrack.h"

#include <arpa/inet.h>
// The kernel's headers come after the C library's.
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include <cstring>
#include <vector>

#include "base/status.h"
#include "kernel/netlink.h"

namespace berth::kernel {
namespace {

std::string Header(bool six) {
  nfgenmsg header{};
  header.nfgen_family = six ? AF_INET6 : AF_INET;
  return std::string(reinterpret_cast<const char*>(&header), sizeof header);
}

uint16_t Type(uint16_t message) {
  return static_cast<uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | message);
}

struct Tuple {
  uint8_t protocol = 0;
  IpAddress source, destination;
  uint16_t source_port = 0, destination_port = 0;
};

uint16_t Port(std::string_view tuple_proto, uint16_t attribute) {
  const auto found = FindAttribute(tuple_proto, attribute);
  uint16_t be = 0;
  if (!found.has_value() || found->value.size() != sizeof be) return 0;
  std::memcpy(&be, found->value.data(), sizeof be);
  return ntohs(be);
}

IpAddress Address(std::string_view tuple_ip, uint16_t four, uint16_t six) {
  auto found = FindAttribute(tuple_ip, four);
  if (!found.has_value()) found = FindAttribute(tuple_ip, six);
  if (!found.has_value()) return {};
  return IpAddress::FromBytes(found->value).value_or(IpAddress());
}

std::optional<Tuple> ReadTuple(std::string_view attributes, uint16_t which) {
  const auto tuple = FindAttribute(attributes, which);
  if (!tuple.has_value()) return std::nullopt;
  const auto ip = FindAttribute(tuple->value, CTA_TUPLE_IP);
  const auto proto = FindAttribute(tuple->value, CTA_TUPLE_PROTO);
  if (!ip.has_value() || !proto.has_value()) return std::nullopt;
  const auto number = FindAttribute(proto->value, CTA_PROTO_NUM);
  if (!number.has_value() || number->value.size() != 1) return std::nullopt;
  Tuple out;
  out.protocol = static_cast<uint8_t>(number->value[0]);
  out.source = Address(ip->value, CTA_IP_V4_SRC, CTA_IP_V6_SRC);
  out.destination = Address(ip->value, CTA_IP_V4_DST, CTA_IP_V6_DST);
  out.source_port = Port(proto->value, CTA_PROTO_SRC_PORT);
  out.destination_port = Port(proto->value, CTA_PROTO_DST_PORT);
  return out;
}

}  // namespace

absl::StatusOr<int> DeleteFlows(uint8_t protocol, bool six,
                                const std::function<bool(const TrackedFlow&)>& stale) {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_NETFILTER));
  NetlinkBuffer dump;
  dump.BeginMessage(Type(IPCTNL_MSG_CT_GET), NLM_F_DUMP, socket.NextSequence(), Header(six));
  dump.EndMessage();
  // A flow is deleted by its first packet's tuple and its id, both exactly as the kernel gave them.
  std::vector<std::string> doomed;
  const auto read = [&](const NetlinkMessage& message) {
    if (message.body.size() < sizeof(nfgenmsg)) return;
    const std::string_view attributes = message.body.substr(sizeof(nfgenmsg));
    const auto original = ReadTuple(attributes, CTA_TUPLE_ORIG);
    const auto reply = ReadTuple(attributes, CTA_TUPLE_REPLY);
    if (!original.has_value() || !reply.has_value() || original->protocol != protocol) return;
    if (!stale({protocol, original->source, original->destination, original->source_port,
                original->destination_port, reply->source, reply->source_port})) {
      return;
    }
    NetlinkBuffer remove;
    remove.BeginMessage(Type(IPCTNL_MSG_CT_DELETE), NLM_F_ACK, 0, Header(six));
    const size_t nest = remove.BeginNest(CTA_TUPLE_ORIG);
    remove.PutRaw(FindAttribute(attributes, CTA_TUPLE_ORIG)->value);
    remove.EndNest(nest);
    if (const auto id = FindAttribute(attributes, CTA_ID)) remove.Put(CTA_ID, id->value);
    if (const auto zone = FindAttribute(attributes, CTA_ZONE)) remove.Put(CTA_ZONE, zone->value);
    remove.EndMessage();
    doomed.push_back(remove.bytes());
  };
  RETURN_IF_ERROR(socket.Dump(
                      dump.bytes(), [&] { doomed.clear(); }, read),
                  "listing flows");
  int deleted = 0;
  for (const std::string& request : doomed) {
    const absl::Status status = socket.Call(request);
    if (absl::IsNotFound(status)) continue;
    if (!status.ok()) return base::WithContext(status, "deleting a flow");
    ++deleted;
  }
  return deleted;
}

}  // namespace berth::kernel
