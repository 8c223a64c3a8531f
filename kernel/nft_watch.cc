// SPDX-License-Identifier: Apache-2.0
#include "kernel/nft_watch.h"

#include <arpa/inet.h>
// The kernel's headers come after the C library's.
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"

namespace berth::kernel {
namespace {

// In every object's message the first attribute names the table.
static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 &&
              NFTA_SET_TABLE == 1 && NFTA_SET_ELEM_LIST_TABLE == 1);
constexpr uint16_t kTable = 1;

bool IsElements(uint16_t message) {
  return message == NFT_MSG_NEWSETELEM || message == NFT_MSG_DELSETELEM;
}

void Add(std::vector<NftEdit>& edits, size_t committed, NftFamily family, std::string_view table,
         bool structure) {
  const auto same = std::find_if(edits.begin() + committed, edits.end(), [&](const NftEdit& e) {
    return e.family == family && e.table == table;
  });
  if (same != edits.end()) {
    same->structure = same->structure || structure;
  } else {
    edits.push_back({family, std::string(table), structure, ""});
  }
}

std::string Committer(std::string_view attributes) {
  const auto pid = FindAttribute(attributes, NFTA_GEN_PROC_PID);
  const auto name = FindAttribute(attributes, NFTA_GEN_PROC_NAME);
  if (!pid || !name) return "";
  return base::StrCat(name->Text(), " (pid ", pid->Be32().value_or(0), ")");
}

}  // namespace

absl::StatusOr<NftWatch> NftWatch::Open(uint32_t own_port) {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_NETFILTER),
                   "opening nf_tables");
  RETURN_IF_ERROR(socket.Subscribe(NFNLGRP_NFTABLES, own_port));
  return NftWatch(std::move(socket));
}

absl::StatusOr<std::vector<NftEdit>> NftWatch::Read(bool& lost) {
  std::vector<NftEdit> edits;
  size_t committed = 0;  // edits before it have their committer
  RETURN_IF_ERROR(socket_.ReadWaiting(
      [&](const NetlinkMessage& message) {
        if (message.type >> 8 != NFNL_SUBSYS_NFTABLES) return;
        if (message.body.size() < sizeof(nfgenmsg)) return;
        const uint16_t what = message.type & 0xff;
        const std::string_view attributes = message.body.substr(sizeof(nfgenmsg));
        // A transaction's generation comes after what it changed.
        if (what == NFT_MSG_NEWGEN) {
          const std::string by = Committer(attributes);
          for (; committed < edits.size(); ++committed) edits[committed].by = by;
          return;
        }
        const auto table = FindAttribute(attributes, kTable);
        if (!table) return;
        const auto family = static_cast<NftFamily>(message.body[offsetof(nfgenmsg, nfgen_family)]);
        Add(edits, committed, family, table->Text(), !IsElements(what));
      },
      lost));
  return edits;
}

}  // namespace berth::kernel
