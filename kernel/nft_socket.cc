// SPDX-License-Identifier: Apache-2.0
#include "kernel/nft_socket.h"

#include <arpa/inet.h>
// The kernel's headers come after the C library's.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <utility>

#include "base/status.h"

namespace berth::kernel {
namespace {

constexpr int kCommitAttempts = 3;

std::string Header(NftFamily family) {
  nfgenmsg h{};
  h.nfgen_family = static_cast<uint8_t>(family);
  return std::string(reinterpret_cast<const char*>(&h), sizeof h);
}

uint16_t Type(uint16_t message) {
  return static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message);
}

std::string_view Value(std::string_view element, uint16_t attribute) {
  const auto data = FindAttribute(element, attribute);
  if (!data.has_value()) return {};
  const auto value = FindAttribute(data->value, NFTA_DATA_VALUE);
  return value.has_value() ? value->value : std::string_view();
}

std::string_view Attributes(const NetlinkMessage& message) {
  return message.body.size() < sizeof(nfgenmsg) ? std::string_view()
                                                : message.body.substr(sizeof(nfgenmsg));
}

absl::Status Failure(const NftBatch& batch, const std::vector<NetlinkError>& errors) {
  const NetlinkError& first = errors.front();
  std::string what = batch.Describe(first);
  if (!first.message.empty()) base::StrAppend(what, ": ", first.message);
  if (errors.size() > 1) base::StrAppend(what, " (and ", errors.size() - 1, " more)");
  return base::FromErrno(first.error, what);
}

}  // namespace

absl::StatusOr<NftSocket> NftSocket::Open() {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_NETFILTER),
                   "opening nf_tables");
  return NftSocket(std::move(socket));
}

absl::Status NftSocket::Commit(NftBatch& batch) {
  if (batch.empty()) return absl::OkStatus();
  const std::string_view bytes = batch.Finish();
  for (int attempt = 1;; ++attempt) {
    RETURN_IF_ERROR(socket_.Send(bytes));
    std::vector<NetlinkError> answers;
    bool overrun = false;
    RETURN_IF_ERROR(socket_.CollectAnswers(answers, overrun));
    std::vector<NetlinkError> errors;
    bool acknowledged = false;
    bool again = false;
    for (auto& answer : answers) {
      if (answer.error == 0) {
        acknowledged = acknowledged || answer.sequence == batch.last_sequence();
      } else {
        again = again || answer.error == EAGAIN || answer.error == EINTR;
        errors.push_back(std::move(answer));
      }
    }
    if (again && attempt < kCommitAttempts) continue;
    if (!errors.empty()) return Failure(batch, errors);
    if (acknowledged) return absl::OkStatus();
    return absl::AbortedError(overrun ? "nf_tables answers were lost"
                                      : "nf_tables did not acknowledge the transaction");
  }
}

absl::StatusOr<std::vector<std::string>> NftSocket::ListNames(uint16_t message,
                                                              uint16_t table_attribute,
                                                              uint16_t name_attribute,
                                                              NftFamily family,
                                                              std::string_view table) {
  NetlinkBuffer request;
  request.BeginMessage(Type(message), NLM_F_DUMP, socket_.NextSequence(), Header(family));
  request.PutString(table_attribute, table);
  request.EndMessage();
  std::vector<std::string> names;
  const absl::Status status = socket_.Dump(
      request.bytes(), [&] { names.clear(); },
      [&](const NetlinkMessage& m) {
        const auto in = FindAttribute(Attributes(m), table_attribute);
        const auto name = FindAttribute(Attributes(m), name_attribute);
        if (in && name && in->Text() == table) names.emplace_back(name->Text());
      });
  if (absl::IsNotFound(status)) return std::vector<std::string>();
  if (!status.ok()) return status;
  return names;
}

absl::StatusOr<bool> NftSocket::HasTable(NftFamily family, std::string_view table) {
  NetlinkBuffer request;
  request.BeginMessage(Type(NFT_MSG_GETTABLE), NLM_F_DUMP, socket_.NextSequence(), Header(family));
  request.EndMessage();
  bool found = false;
  RETURN_IF_ERROR(socket_.Dump(
      request.bytes(), [&] { found = false; },
      [&](const NetlinkMessage& m) {
        const auto name = FindAttribute(Attributes(m), NFTA_TABLE_NAME);
        found = found || (name && name->Text() == table);
      }));
  return found;
}

absl::StatusOr<std::vector<std::string>> NftSocket::ListChains(NftFamily family,
                                                               std::string_view table) {
  return ListNames(NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, family, table);
}

absl::StatusOr<std::vector<std::string>> NftSocket::ListSets(NftFamily family,
                                                             std::string_view table) {
  return ListNames(NFT_MSG_GETSET, NFTA_SET_TABLE, NFTA_SET_NAME, family, table);
}

absl::Status NftSocket::DumpElements(NftFamily family, std::string_view table, std::string_view set,
                                     const std::function<void()>& restart,
                                     const std::function<void(const NftElement&)>& each) {
  NetlinkBuffer request;
  request.BeginMessage(Type(NFT_MSG_GETSETELEM), NLM_F_DUMP, socket_.NextSequence(),
                       Header(family));
  request.PutString(NFTA_SET_ELEM_LIST_TABLE, table);
  request.PutString(NFTA_SET_ELEM_LIST_SET, set);
  request.EndMessage();
  return socket_.Dump(request.bytes(), restart, [&](const NetlinkMessage& m) {
    const auto list = FindAttribute(Attributes(m), NFTA_SET_ELEM_LIST_ELEMENTS);
    if (!list.has_value()) return;
    std::string_view rest = list->value;
    while (const auto element = NextAttribute(rest)) {
      each({Value(element->value, NFTA_SET_ELEM_KEY), Value(element->value, NFTA_SET_ELEM_KEY_END),
            Value(element->value, NFTA_SET_ELEM_DATA)});
    }
  });
}

}  // namespace berth::kernel
