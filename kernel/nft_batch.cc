// SPDX-License-Identifier: Apache-2.0
#include "kernel/nft_batch.h"

#include <arpa/inet.h>
// The kernel's headers come after the C library's.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <utility>

#include "base/strings.h"

namespace berth::kernel {
namespace {

// An attribute's length has 16 bits, and the list of elements is one attribute.
constexpr size_t kMaxElementBytes = 60'000;

std::string Header(uint8_t family, uint16_t resource) {
  nfgenmsg h{};
  h.nfgen_family = family;
  h.version = NFNETLINK_V0;
  h.res_id = htons(resource);
  return std::string(reinterpret_cast<const char*>(&h), sizeof h);
}

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    out.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  return out;
}

void PutValue(NetlinkBuffer& out, uint16_t attribute, std::string_view value) {
  const size_t nest = out.BeginNest(attribute);
  out.Put(NFTA_DATA_VALUE, value);
  out.EndNest(nest);
}

// nft packs the types of a concatenation into one number, 6 bits each.
uint32_t TypeCode(const std::vector<NftType>& types) {
  uint32_t code = 0;
  for (const NftType type : types) code = code << 6 | static_cast<uint32_t>(type);
  return code;
}

uint32_t KeyLength(const std::vector<NftType>& types) {
  if (types.size() == 1) return NftTypeLength(types[0]);
  uint32_t length = 0;
  for (const NftType type : types) length += (NftTypeLength(type) + 3) & ~3U;
  return length;
}

uint32_t SetFlags(const NftSet& set) {
  uint32_t flags = 0;
  if (set.verdicts || !set.data.empty()) flags |= NFT_SET_MAP;
  if (set.intervals) flags |= NFT_SET_INTERVAL;
  if (set.intervals && set.key.size() > 1) flags |= NFT_SET_CONCAT;
  if (set.dynamic) flags |= NFT_SET_EVAL;
  if (set.timeout > absl::ZeroDuration()) flags |= NFT_SET_TIMEOUT;
  return flags;
}

void PutDescription(NetlinkBuffer& out, const NftSet& set) {
  const bool ranges = set.intervals && set.key.size() > 1;
  if (set.max_elements == 0 && !ranges) return;
  const size_t description = out.BeginNest(NFTA_SET_DESC);
  if (set.max_elements != 0) out.PutBe32(NFTA_SET_DESC_SIZE, set.max_elements);
  if (ranges) {
    const size_t fields = out.BeginNest(NFTA_SET_DESC_CONCAT);
    for (const NftType type : set.key) {
      const size_t field = out.BeginNest(NFTA_LIST_ELEM);
      out.PutBe32(NFTA_SET_FIELD_LEN, NftTypeLength(type));
      out.EndNest(field);
    }
    out.EndNest(fields);
  }
  out.EndNest(description);
}

}  // namespace

uint32_t NftTypeLength(NftType type) {
  switch (type) {
    case NftType::kInteger:
    case NftType::kIp4:
    case NftType::kMark:
      return 4;
    case NftType::kIp6:
      return 16;
    case NftType::kProtocol:
      return 1;
    case NftType::kPort:
      return 2;
  }
  return 4;
}

NftBatch::NftBatch(NftFamily family, std::string table)
    : family_(family), table_(std::move(table)) {
  objects_.push_back({0, "transaction"});
  buffer_.BeginMessage(NFNL_MSG_BATCH_BEGIN, 0, 0, Header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  End();
}

void NftBatch::Begin(uint16_t message, uint16_t flags, std::string what) {
  CloseElements();
  buffer_.BeginMessage(static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message), flags,
                       static_cast<uint32_t>(objects_.size()),
                       Header(static_cast<uint8_t>(family_), 0));
  objects_.push_back({buffer_.message_start(), std::move(what)});
}

void NftBatch::AddTable() {
  Begin(NFT_MSG_NEWTABLE, NLM_F_CREATE, base::StrCat("table ", table_));
  buffer_.PutString(NFTA_TABLE_NAME, table_);
  End();
}

void NftBatch::DeleteTable() { DeleteOtherTable(table_); }

void NftBatch::DeleteOtherTable(std::string_view table) {
  Begin(NFT_MSG_DELTABLE, 0, base::StrCat("table ", table));
  buffer_.PutString(NFTA_TABLE_NAME, table);
  End();
}

void NftBatch::AddChain(const NftChain& chain) {
  Begin(NFT_MSG_NEWCHAIN, NLM_F_CREATE, base::StrCat("chain ", chain.name));
  buffer_.PutString(NFTA_CHAIN_TABLE, table_);
  buffer_.PutString(NFTA_CHAIN_NAME, chain.name);
  if (!chain.type.empty()) {
    const size_t hook = buffer_.BeginNest(NFTA_CHAIN_HOOK);
    buffer_.PutBe32(NFTA_HOOK_HOOKNUM, static_cast<uint32_t>(chain.hook));
    buffer_.PutBe32(NFTA_HOOK_PRIORITY, static_cast<uint32_t>(chain.priority));
    buffer_.EndNest(hook);
    buffer_.PutString(NFTA_CHAIN_TYPE, chain.type);
  }
  End();
}

void NftBatch::DeleteChain(std::string_view name) {
  Begin(NFT_MSG_DELCHAIN, 0, base::StrCat("chain ", name));
  buffer_.PutString(NFTA_CHAIN_TABLE, table_);
  buffer_.PutString(NFTA_CHAIN_NAME, name);
  End();
}

void NftBatch::FlushChain(std::string_view name) {
  Begin(NFT_MSG_DELRULE, 0, base::StrCat("rules of chain ", name));
  buffer_.PutString(NFTA_RULE_TABLE, table_);
  buffer_.PutString(NFTA_RULE_CHAIN, name);
  End();
}

void NftBatch::AddRule(std::string_view chain, const NftRule& rule) {
  Begin(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, base::StrCat("rule in chain ", chain));
  buffer_.PutString(NFTA_RULE_TABLE, table_);
  buffer_.PutString(NFTA_RULE_CHAIN, chain);
  const size_t expressions = buffer_.BeginNest(NFTA_RULE_EXPRESSIONS);
  buffer_.PutRaw(rule.encoded());
  buffer_.EndNest(expressions);
  End();
}

void NftBatch::AddSet(const NftSet& set) {
  Begin(NFT_MSG_NEWSET, NLM_F_CREATE, base::StrCat("set ", set.name));
  buffer_.PutString(NFTA_SET_TABLE, table_);
  buffer_.PutString(NFTA_SET_NAME, set.name);
  buffer_.PutBe32(NFTA_SET_FLAGS, SetFlags(set));
  buffer_.PutBe32(NFTA_SET_KEY_TYPE, TypeCode(set.key));
  buffer_.PutBe32(NFTA_SET_KEY_LEN, KeyLength(set.key));
  if (set.verdicts) {
    buffer_.PutBe32(NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
    buffer_.PutBe32(NFTA_SET_DATA_LEN, 0);
  } else if (!set.data.empty()) {
    buffer_.PutBe32(NFTA_SET_DATA_TYPE, TypeCode(set.data));
    buffer_.PutBe32(NFTA_SET_DATA_LEN, KeyLength(set.data));
  }
  buffer_.PutBe32(NFTA_SET_ID, ++set_id_);
  PutDescription(buffer_, set);
  if (set.timeout > absl::ZeroDuration()) {
    buffer_.PutBe64(NFTA_SET_TIMEOUT,
                    static_cast<uint64_t>(absl::ToInt64Milliseconds(set.timeout)));
  }
  if (!set.userdata.empty()) buffer_.Put(NFTA_SET_USERDATA, set.userdata);
  End();
}

void NftBatch::DeleteSet(std::string_view name) {
  Begin(NFT_MSG_DELSET, 0, base::StrCat("set ", name));
  buffer_.PutString(NFTA_SET_TABLE, table_);
  buffer_.PutString(NFTA_SET_NAME, name);
  End();
}

void NftBatch::AddElement(std::string_view set, const NftElement& element) {
  Element(NFT_MSG_NEWSETELEM, NLM_F_CREATE, set, element);
}

void NftBatch::DeleteElement(std::string_view set, const NftElement& element) {
  Element(NFT_MSG_DELSETELEM, 0, set, element);
}

void NftBatch::Element(uint16_t message, uint16_t flags, std::string_view set,
                       const NftElement& element) {
  if (!open_list_.has_value() || open_set_ != set || open_message_ != message ||
      buffer_.message_size() > kMaxElementBytes) {
    Begin(message, flags, base::StrCat("set ", set));
    buffer_.PutString(NFTA_SET_ELEM_LIST_TABLE, table_);
    buffer_.PutString(NFTA_SET_ELEM_LIST_SET, set);
    open_list_ = buffer_.BeginNest(NFTA_SET_ELEM_LIST_ELEMENTS);
    open_set_ = std::string(set);
    open_message_ = message;
  }
  const size_t nest = buffer_.BeginNest(NFTA_LIST_ELEM);
  PutValue(buffer_, NFTA_SET_ELEM_KEY, element.key);
  if (!element.key_end.empty()) PutValue(buffer_, NFTA_SET_ELEM_KEY_END, element.key_end);
  if (!element.data.empty() && message == NFT_MSG_NEWSETELEM) {
    PutValue(buffer_, NFTA_SET_ELEM_DATA, element.data);
  }
  buffer_.EndNest(nest);
}

void NftBatch::CloseElements() {
  if (!open_list_.has_value()) return;
  buffer_.EndNest(*open_list_);
  End();
  open_list_.reset();
}

std::string_view NftBatch::Finish() {
  if (finished_) return buffer_.bytes();
  CloseElements();
  finished_ = true;
  last_sequence_ = static_cast<uint32_t>(objects_.size() - 1);
  buffer_.AddFlags(objects_.back().offset, NLM_F_ACK);
  buffer_.BeginMessage(NFNL_MSG_BATCH_END, 0, static_cast<uint32_t>(objects_.size()),
                       Header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  End();
  return buffer_.bytes();
}

std::string NftBatch::Describe(const NetlinkError& error) const {
  if (error.sequence >= objects_.size()) return "transaction";
  const Object& object = objects_[error.sequence];
  if (error.offset == 0) return object.what;
  // The kernel points at the element that it refused.
  const size_t at = object.offset + error.offset;
  if (at >= buffer_.size()) return object.what;
  std::string_view rest = std::string_view(buffer_.bytes()).substr(at);
  const auto element = NextAttribute(rest);
  if (!element.has_value() || element->type != NFTA_LIST_ELEM) return object.what;
  const auto key = FindAttribute(element->value, NFTA_SET_ELEM_KEY);
  if (!key.has_value()) return object.what;
  const auto value = FindAttribute(key->value, NFTA_DATA_VALUE);
  if (!value.has_value()) return object.what;
  return base::StrCat("element ", Hex(value->value), " of ", object.what);
}

}  // namespace berth::kernel
